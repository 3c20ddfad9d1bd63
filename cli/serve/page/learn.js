// SPDX-License-Identifier: MIT
// Learn: a convolution by hand, a small network that shows its decision while it learns (both run in the browser), and
// the course of `fovea learn` for reading.
import { ask, askJson, make, short, showError } from './common.js';
import { locale, text } from './texts.js';

export function open(panel) {
  const course = make('div', { class: 'card course' });
  panel.replaceChildren(make('h1', {}, text('learnTitle')), make('p', { class: 'lead' }, text('learnLead')),
    make('div', { class: 'columns' }, make('div', { class: 'card' }, convolution()), make('div', { class: 'card' }, playground())), course);
  showCourse(course);
}
export function leave() { running = false; }

// ---- the course -----------------------------------------------------------------------------------------------------

async function showCourse(place) {
  let lessons;
  try {
    ({ lessons } = await askJson('api/lessons?lang=' + locale()));
  } catch (problem) {
    showError(place, problem);
    return;
  }
  const reading = make('article', { class: 'lesson', tabIndex: -1 }), list = make('ol', { class: 'lessons' });
  const show = (lesson, focus) => {
    for (const button of list.querySelectorAll('button')) button.setAttribute('aria-current', button.value === String(lesson.number));
    showLesson(reading, lesson);
    if (focus) reading.focus();
  };
  const marks = { passed: ' ✓', started: ' ◐', open: '' };
  list.append(...lessons.map(lesson => make('li', { value: lesson.number }, make('button', { type: 'button', class: 'link', value: lesson.number, onclick: () => show(lesson, true) }, lesson.title,
    marks[lesson.state] ? make('span', {}, make('span', { 'aria-hidden': 'true' }, marks[lesson.state]), make('span', { class: 'unseen' }, text('marked', { state: text(lesson.state) }))) : null))));
  place.replaceChildren(make('h2', {}, text('courseTitle', { n: lessons.length })), make('p', { class: 'small' }, text('courseLead')), make('div', { class: 'columns reading' }, list, reading));
  show(lessons[0]);
}

// Joins the lines of paragraphs, so that they fill the page; ASCII drawings, tables and lists stay preformatted.
function prose(words) {
  return words.split('\n\n').map(block => (/^( |[-*] |\||\d+\. )|\S  +\S/m.test(block) ? make('pre', { class: 'text', tabIndex: 0 }, block)
    : make('p', {}, block.replace(/([^\x00-\x7f])\n(?=[^\x00-\x7f])/g, '$1').replace(/\n/g, ' '))));
}

async function showLesson(place, lesson) {
  const drawing = make('img', { class: 'drawing', alt: text('drawingOf', { name: lesson.title }), hidden: true });
  const line = `fovea learn start ${lesson.number}${locale() === 'zh' ? ' --lang zh' : ''}`;
  place.replaceChildren(make('h3', {}, `${lesson.number}. ${lesson.title}`), ...prose(lesson.text), drawing,
    make('p', { class: 'small' }, text('yourTask')), ...prose(lesson.task), make('div', { class: 'code' }, make('pre', { tabIndex: 0 }, line)));
  place.setAttribute('aria-label', lesson.title);
  if (!lesson.picture) return;
  const response = await ask('api/lessons/drawing/' + lesson.number + '?lang=' + locale());
  if (!response.ok) return;
  drawing.src = URL.createObjectURL(await response.blob());
  drawing.hidden = false;
}

// ---- convolution ----------------------------------------------------------------------------------------------------

const kernels = {
  sobel: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], box: [[1, 1, 1], [1, 1, 1], [1, 1, 1]], sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], cross: [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
};

function convolution() {
  let input = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]], kernel = kernels.cross.map(row => [...row]), chosen = [0, 0];
  const stride = make('select', {}, [1, 2].map(n => make('option', { value: n }, n))), pad = make('select', {}, [0, 1].map(n => make('option', { value: n }, n)));
  const bias = make('input', { type: 'number', value: 0, step: 1 });
  const choice = make('select', {}, Object.keys(kernels).map(name => make('option', { value: name, selected: name === 'cross' }, text('kernel_' + name))));
  const inputs = make('div'), weights = make('div'), out = make('div'), sum = make('p', { class: 'small', role: 'status' });
  const at = (y, x) => input[y]?.[x] ?? 0;
  const taps = (r, c) => kernel.flatMap((row, i) => row.map((weight, j) => [at(r * +stride.value - +pad.value + i, c * +stride.value - +pad.value + j), weight]));

  function editable(values, name, change) {
    return make('table', { class: 'matrix', 'aria-label': name }, make('tbody', {}, values.map((row, y) => make('tr', {}, row.map((value, x) => {
      const cell = make('input', { type: 'number', value, 'aria-label': `${name} ${y}, ${x}` });
      cell.oninput = () => { values[y][x] = +cell.value || 0; change(); };
      return make('td', {}, cell);
    })))));
  }
  function show() {
    const size = Math.floor((5 + 2 * +pad.value - 3) / +stride.value) + 1;
    chosen = chosen.map(place => Math.min(place, size - 1));
    const rows = Array.from({ length: size }, (_, r) => Array.from({ length: size }, (_, c) => taps(r, c).reduce((all, [x, w]) => all + x * w, +bias.value || 0)));
    out.replaceChildren(make('table', { class: 'matrix', 'aria-label': text('result') }, make('tbody', {}, rows.map((row, r) => make('tr', {}, row.map((value, c) => make('td', { class: r === chosen[0] && c === chosen[1] ? 'on' : '' },
      make('button', { type: 'button', class: 'link', 'aria-label': text('cell', { name: text('result'), r, c, value: short(value) }), onclick: () => { chosen = [r, c]; show(); out.querySelectorAll('button')[r * size + c].focus(); } }, short(value)))))))));
    sum.textContent = taps(...chosen).map(([x, w]) => `${short(x)}·${w < 0 ? `(${short(w)})` : short(w)}`).join(' + ') + ` + ${bias.value || 0} = ${short(rows[chosen[0]][chosen[1]])}`;
  }
  const rebuild = () => { weights.replaceChildren(editable(kernel, text('kernelOf'), show)); show(); };
  choice.onchange = () => { kernel = kernels[choice.value].map(row => [...row]); rebuild(); };
  stride.onchange = pad.onchange = bias.oninput = show;
  inputs.append(editable(input, text('input'), show));
  rebuild();
  return [make('h2', {}, text('convTitle')), make('p', { class: 'small' }, text('convLead')),
    make('p', { class: 'row' }, make('label', {}, text('kernelOf'), choice), make('label', {}, text('stride'), stride), make('label', {}, text('pad'), pad), make('label', {}, text('bias'), bias)),
    make('div', { class: 'sum scroll', tabIndex: 0, role: 'group', 'aria-label': text('convTitle') }, inputs, make('span', {}, '∗'), weights, make('span', {}, '='), out), sum];
}

// ---- a small network ------------------------------------------------------------------------------------------------

let running = false;
const sets = {
  xor: () => Array.from({ length: 80 }, (_, i) => { const x = Math.random() * 1.8 - 0.9, y = Math.random() * 1.8 - 0.9; return [x, y, x * y > 0 ? 1 : 0]; }),
  ring: () => Array.from({ length: 80 }, (_, i) => { const a = Math.random() * 6.283, r = i % 2 ? 0.75 + 0.12 * Math.random() : 0.35 * Math.random(); return [r * Math.cos(a), r * Math.sin(a), i % 2]; }),
  spiral: () => Array.from({ length: 100 }, (_, i) => { const t = i / 100 * 4.5, r = 0.1 + 0.18 * t, a = t + (i % 2) * Math.PI; return [r * Math.cos(a), r * Math.sin(a), i % 2]; }),
  own: () => [],
};

// Two layers of tanh and a sigmoid, trained by Adam on the whole set: y = sigmoid(v . tanh(U tanh(W x + b) + c) + d).
class Small {
  constructor(hidden) {
    const random = (n, size) => Float64Array.from({ length: n }, () => (Math.random() * 2 - 1) * size);
    this.n = hidden;
    this.weights = [random(2 * hidden, 1.5), random(hidden, 0.5), random(hidden * hidden, 1.5 / Math.sqrt(hidden)), random(hidden, 0.3), random(hidden, 1 / Math.sqrt(hidden)), random(1, 0.1)];
    this.first = this.weights.map(w => new Float64Array(w.length));
    this.second = this.weights.map(w => new Float64Array(w.length));
    this.steps = 0;
  }
  run(x, y) {
    const [w, b, u, c, v, d] = this.weights, n = this.n;
    const h = Float64Array.from({ length: n }, (_, i) => Math.tanh(w[2 * i] * x + w[2 * i + 1] * y + b[i]));
    const g = Float64Array.from({ length: n }, (_, i) => { let s = c[i]; for (let j = 0; j < n; j++) s += u[i * n + j] * h[j]; return Math.tanh(s); });
    let z = d[0];
    for (let i = 0; i < n; i++) z += v[i] * g[i];
    return { h, g, p: 1 / (1 + Math.exp(-z)) };
  }
  learn(points) {
    const slopes = this.weights.map(w => new Float64Array(w.length)), n = this.n, [, , u, , v] = this.weights;
    let loss = 0;
    for (const [x, y, t] of points) {
      const { h, g, p } = this.run(x, y), dz = (p - t) / points.length;
      loss -= Math.log(Math.max(t ? p : 1 - p, 1e-12)) / points.length;
      slopes[5][0] += dz;
      const dh = new Float64Array(n);
      for (let i = 0; i < n; i++) {
        slopes[4][i] += dz * g[i];
        const dg = dz * v[i] * (1 - g[i] * g[i]);
        slopes[3][i] += dg;
        for (let j = 0; j < n; j++) { slopes[2][i * n + j] += dg * h[j]; dh[j] += dg * u[i * n + j]; }
      }
      for (let i = 0; i < n; i++) {
        const d = dh[i] * (1 - h[i] * h[i]);
        slopes[1][i] += d;
        slopes[0][2 * i] += d * x;
        slopes[0][2 * i + 1] += d * y;
      }
    }
    this.steps++;
    const one = 1 - 0.9 ** this.steps, two = 1 - 0.999 ** this.steps;
    this.weights.forEach((w, k) => w.forEach((_, i) => {
      this.first[k][i] += 0.1 * (slopes[k][i] - this.first[k][i]);
      this.second[k][i] += 0.001 * (slopes[k][i] ** 2 - this.second[k][i]);
      w[i] -= 0.02 * (this.first[k][i] / one) / (Math.sqrt(this.second[k][i] / two) + 1e-8);
    }));
    return loss;
  }
}

function playground() {
  const canvas = make('canvas', { width: 120, height: 120, class: 'surface', role: 'img', 'aria-label': text('surfaceAlt') });
  const set = make('select', {}, Object.keys(sets).map(name => make('option', { value: name }, text(name))));
  const hidden = make('input', { type: 'range', min: 1, max: 16, value: 6 }), which = make('select', {}, make('option', { value: 0 }, text('classA')), make('option', { value: 1 }, text('classB')));
  const said = make('p', { class: 'small' }), button = make('button', { type: 'button' }, text('start'));
  let points = sets.xor(), network = new Small(6), loss = NaN;

  function draw() {
    const pen = canvas.getContext('2d'), image = new ImageData(120, 120);
    for (let y = 0; y < 120; y++) for (let x = 0; x < 120; x++) {
      const { p } = network.run(x / 60 - 1, y / 60 - 1);
      image.data.set([40 + 190 * p, 110 + 40 * p, 190 - 150 * p, 255], 4 * (y * 120 + x));
    }
    pen.putImageData(image, 0, 0);
    for (const [x, y, t] of points) { // classes differ in shape, too
      pen.fillStyle = t ? '#fff' : '#000';
      pen.strokeStyle = t ? '#000' : '#fff';
      pen.lineWidth = 0.7;
      pen.beginPath();
      if (t) pen.arc((x + 1) * 60, (y + 1) * 60, 2.2, 0, 7);
      else pen.rect((x + 1) * 60 - 2, (y + 1) * 60 - 2, 4, 4);
      pen.fill();
      pen.stroke();
    }
    said.textContent = Number.isFinite(loss) ? text('lossNow', { loss: short(loss), steps: network.steps }) : '';
  }
  function reset() { network = new Small(+hidden.value); loss = NaN; draw(); }
  function frame() {
    if (!running) { button.textContent = text('start'); return; }
    for (let i = 0; i < 8 && points.length; i++) loss = network.learn(points);
    draw();
    requestAnimationFrame(frame);
  }
  button.onclick = () => { running = !running; button.textContent = text(running ? 'pause' : 'start'); if (running) frame(); };
  set.onchange = () => { points = sets[set.value](); reset(); };
  hidden.onchange = reset;
  canvas.onclick = event => {
    const box = canvas.getBoundingClientRect();
    points.push([(event.clientX - box.left) / box.width * 2 - 1, (event.clientY - box.top) / box.height * 2 - 1, +which.value]);
    draw();
  };
  draw();
  return [make('h2', {}, text('surfaceTitle')), make('p', { class: 'small' }, text('surfaceLead')), canvas, said,
    make('p', { class: 'row' }, make('label', {}, text('points'), set), make('label', {}, text('hidden'), hidden), make('label', {}, text('own'), which)), make('p', {}, button)];
}
