// SPDX-License-Identifier: MIT
// Try: a picture by file, drop, paste, camera or pen, and the model's answer. Several files become a table.
import { ask, askJson, bytesOf, chooseFiles, classColour, fileOf, icon, make, percent, query, say, short, showError } from './common.js';
import { text } from './texts.js';
import { drawingBoard } from './board.js';

let state, root, stage, answers, stream;

export function open(panel, shared) {
  state = shared;
  root = panel;
  if (!state.model) {
    panel.replaceChildren(make('h1', {}, text('tryTitle')), make('p', { class: 'empty card' }, text('noModel')));
    return;
  }
  stage = make('div', { class: 'stage' });
  answers = make('div', {}, make('p', { class: 'empty' }, text('nothingYet')));
  const ways = ['upload', 'camera', 'draw'].map(name => make('button', { type: 'button', 'aria-pressed': 'false', id: 'way-' + name, onclick: () => choose(name) }, text(name)));
  panel.replaceChildren(
    make('h1', {}, text('tryTitle')), make('p', { class: 'lead' }, text('tryLead')),
    make('div', { class: 'columns' },
      make('div', { class: 'card' }, make('div', { class: 'group', role: 'group', 'aria-label': text('tryTitle') }, ways), stage),
      make('div', { class: 'card', 'aria-live': 'off' }, make('h2', {}, text('answer')), answers)));
  panel.ondragover = event => { event.preventDefault(); stage.classList.add('over'); };
  panel.ondragleave = () => stage.classList.remove('over');
  panel.ondrop = event => { event.preventDefault(); stage.classList.remove('over'); take([...event.dataTransfer.files]); };
  document.onpaste = event => {
    const files = [...event.clipboardData.files].filter(file => file.type.startsWith('image/'));
    if (files.length && !root.hidden) take(files);
  };
  choose(state.model.channels === 1 ? 'draw' : 'upload');
}

export function leave() { stopCamera(); }

function choose(name) {
  stopCamera();
  for (const button of root.querySelectorAll('.group button')) button.setAttribute('aria-pressed', button.id === 'way-' + name);
  stage.classList.remove('full');
  if (name === 'upload') showDrop();
  else if (name === 'camera') showCamera();
  else showBoard();
}

function showDrop() {
  stage.replaceChildren(make('div', {}, icon('picture'), make('p', {}, text('dropHere')),
    make('button', { type: 'button', onclick: () => chooseFiles(true, take) }, text('choose'))));
}

// ---- camera and pen -------------------------------------------------------------------------------------------------

function stopCamera() {
  if (stream) stream.getTracks().forEach(track => track.stop());
  stream = null;
}

async function showCamera() {
  const video = make('video', { autoplay: true, muted: true, playsInline: true });
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (problem) {
    stage.replaceChildren(make('p', { class: 'error', role: 'alert' }, text('noCamera')));
    return;
  }
  video.srcObject = stream;
  const shoot = async () => {
    const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d').drawImage(video, 0, 0);
    const blob = fileOf(canvas, 'image/jpeg', 0.95);
    stopCamera();
    predict(blob, 'camera.jpg');
  };
  stage.replaceChildren(make('div', {}, video, make('p', {}, make('button', { type: 'button', onclick: shoot }, text('shoot')))));
}

function showBoard() {
  stage.replaceChildren(drawingBoard(async blob => predict(blob, 'drawing.png', true)));
}

// ---- answers --------------------------------------------------------------------------------------------------------

function take(files) {
  if (files.length === 1) predict(files[0], files[0].name);
  else if (files.length > 1) predictAll(files);
}

async function showPicture(blob) {
  const picture = make('img', { src: URL.createObjectURL(blob), alt: text('picture') });
  const over = make('canvas', { class: 'over' });
  stage.classList.add('full');
  stage.replaceChildren(make('div', { class: 'picture' }, picture, over));
  await picture.decode().catch(() => {});
  return { picture, over };
}

async function predict(blob, name, drawn) {
  const begun = performance.now();
  state.picture = blob;
  state.pictureName = name;
  const shown = drawn ? null : await showPicture(blob);
  try {
    const answer = await askJson('api/predict?' + query({ model: state.model.name, mask: 1 }), blob);
    answer.times.total = performance.now() - begun;
    showAnswer(answer, name);
    if (shown) drawOver(shown, answer);
  } catch (problem) {
    showError(answers, problem);
  }
}

function rowsOf(answer) {
  const items = answer.top || answer.items || (answer.scores || []).map((value, i) => ({ class: i, name: String(i), value }));
  return items.map(item => {
    const share = item.probability ?? item.share ?? item.score;
    return { index: item.class, name: item.name, share, label: share !== undefined ? percent(share) : short(item.value) + (item.yes ? ' ✓' : '') };
  });
}

// A row for each box of a detector, else for each class or value.
function listOf(answer) {
  return answer.boxes ? answer.boxes.map(box => ({ index: box.class, name: box.name, share: box.score, label: percent(box.score) })) : rowsOf(answer);
}

function bars(rows, colours) {
  return make('ol', { class: 'bars' }, rows.map(row => {
    const fill = make('div', { class: 'fill' });
    if (row.share !== undefined) fill.style.width = 100 * Math.min(1, row.share) + '%';
    const dot = make('span', { class: 'dot' });
    if (colours) dot.style.background = `rgb(${classColour(row.index)})`;
    return make('li', {}, make('span', { class: 'name' }, colours ? dot : null, row.name), make('span', { class: 'value' }, row.label),
      row.share !== undefined ? make('div', { class: 'track' }, fill) : null);
  }));
}

function times(answer) {
  const parts = [['queue', 'queue'], ['decode', 'decode'], ['network', 'net'], ['total', 'total']];
  return make('div', { class: 'times' }, parts.filter(([key]) => key in answer.times).map(([key, word]) => make('span', {}, text(word) + ' ', make('b', {}, answer.times[key].toFixed(1) + ' ms'))));
}

function shellLine(name) {
  const line = `curl --data-binary @${/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`} '${new URL('api/predict', document.baseURI).href}?${query({ model: state.model.name })}'`;
  const button = make('button', { type: 'button', class: 'quiet' }, text('copy'));
  button.onclick = async () => { await navigator.clipboard.writeText(line).catch(() => {}); button.textContent = text('copied'); say(text('copied')); };
  return [make('p', { class: 'small' }, text('fromShell')), make('div', { class: 'code' }, make('pre', { tabIndex: 0 }, line), button)];
}

function showAnswer(answer, name) {
  const list = listOf(answer);
  answers.replaceChildren(...(answer.note ? [make('p', { class: 'note' }, text('noInk'))] : []), bars(list, Boolean(answer.mask || answer.boxes)), times(answer), ...shellLine(name));
  if (answer.note) say(text('noInk'));
  else if (list.length) say(text('said', { name: list[0].name, value: list[0].label }));
}

// Draws a mask in its classes' colours, or boxes, over the picture.
function drawOver({ picture, over }, answer) {
  over.width = picture.naturalWidth;
  over.height = picture.naturalHeight;
  const pen = over.getContext('2d');
  if (answer.mask) {
    const mask = bytesOf(answer.mask), image = new ImageData(answer.width, answer.height);
    mask.forEach((index, i) => {
      const colour = classColour(index);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = colour[c];
      image.data[4 * i + 3] = index === 0 ? 0 : 140;
    });
    over.width = answer.width;
    over.height = answer.height;
    pen.putImageData(image, 0, 0);
  }
  const scale = Math.max(over.width, over.height) / 500;
  for (const box of answer.boxes || []) {
    const [x, y, right, bottom] = box.box, width = right - x, height = bottom - y;
    pen.strokeStyle = pen.fillStyle = `rgb(${classColour(box.class + 1)})`;
    pen.lineWidth = 3 * scale;
    pen.strokeRect(x, y, width, height);
    pen.font = `600 ${14 * scale}px system-ui`;
    const label = `${box.name} ${percent(box.score)}`, wide = pen.measureText(label).width;
    pen.fillRect(x, Math.max(0, y - 20 * scale), wide + 10 * scale, 20 * scale);
    pen.fillStyle = '#000';
    pen.fillText(label, x + 5 * scale, Math.max(15 * scale, y - 5 * scale));
  }
}

// ---- several --------------------------------------------------------------------------------------------------------

// A row for each file; of a detector, for each box of a file.
async function predictAll(files) {
  const body = make('tbody'), done = [];
  const button = make('button', { type: 'button', class: 'quiet', disabled: true, onclick: () => saveCsv(done) }, text('csv'));
  answers.replaceChildren(make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': text('answers') },
    make('table', {}, make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, text('file')), make('th', { scope: 'col', class: 'text' }, text('answer')), make('th', { scope: 'col' }, text('share')))), body)),
  make('p', {}), button);
  for (const file of files) {
    let list;
    try {
      const answer = await askJson('api/predict?' + query({ model: state.model.name }), file);
      list = answer.boxes ? listOf(answer) : listOf(answer).slice(0, 1);
      state.picture = file;
      state.pictureName = file.name;
    } catch (problem) {
      list = [{ name: problem.message, label: '' }];
    }
    for (const one of list.length ? list : [{ name: text('noBox'), label: '' }]) {
      const row = { ...one, file: file.name };
      done.push(row);
      body.append(make('tr', {}, make('td', {}, row.file), make('td', { class: 'text' }, row.name), make('td', {}, row.label)));
    }
  }
  button.disabled = false;
  say(`${done.length} ${text('answers')}`);
}

function saveCsv(rows) {
  const quote = value => /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const lines = ['file,answer,probability', ...rows.map(row => [row.file, row.name, row.share ?? ''].map(String).map(quote).join(','))];
  const link = make('a', { href: URL.createObjectURL(new Blob([lines.join('\n') + '\n'], { type: 'text/csv' })), download: 'answers.csv' });
  link.click();
}
