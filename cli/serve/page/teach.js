// SPDX-License-Identifier: MIT
// Teach: classes with pictures, training with live curves, a test, the model as a file.
import { ask, askJson, chart, chooseFiles, fileOf, make, percent, query, say, showError, shrink } from './common.js';
import { text } from './texts.js';

const SIDE = 320; // longer side, in pixels, of the pictures sent
let root, classes, status, timer, grid;

export function open(panel) {
  root = panel;
  classes = [];
  build();
}
export function leave() { clearInterval(timer); }
export function enter() { refresh(); }

async function build() {
  status = make('div');
  grid = make('div', { class: 'classes' });
  root.replaceChildren(make('h1', {}, text('teachTitle')), make('p', { class: 'lead' }, text('teachLead')));
  let state;
  try {
    state = await askJson('api/teach');
  } catch (problem) {
    showError(status, problem);
    root.append(status);
    return;
  }
  if (state.backbone === null) {
    root.append(make('p', { class: 'card empty' }, text('noBackbone')));
    return;
  }
  const passes = make('input', { type: 'number', min: 1, max: 100, value: 6 });
  root.append(grid,
    make('p', { class: 'row' }, make('button', { type: 'button', class: 'quiet', onclick: () => addClass() }, text('addClass')),
      make('label', {}, text('passes'), passes),
      make('button', { type: 'button', id: 'train', onclick: () => train(+passes.value) }, text('train')),
      make('button', { type: 'button', class: 'quiet', onclick: () => askJson('api/teach/stop', '') }, text('stop')),
      make('button', { type: 'button', class: 'quiet', onclick: startOver }, text('reset'))),
    status);
  for (const one of state.classes) addClass(one.name, one.pictures);
  while (classes.length < 2) addClass();
  show(state);
}

function addClass(name, pictures = 0) {
  const number = classes.length + 1;
  const one = { name: make('input', { type: 'text', value: name || text('classN', { n: number }), maxLength: 60, 'aria-label': text('className') }), thumbs: make('div', { class: 'thumbs' }), counter: make('span', { class: 'small' }, text('pictures', { n: pictures })), count: pictures };
  const add = files => addPictures(one, files);
  const card = make('div', { class: 'card' }, make('div', { class: 'row spread' }, one.name, one.counter),
    make('p', { class: 'row' }, make('button', { type: 'button', class: 'quiet', onclick: () => chooseFiles(true, add) }, text('addPictures')),
      make('button', { type: 'button', class: 'quiet', onclick: () => shoot(one, card) }, text('addShot'))), one.thumbs);
  card.ondragover = event => event.preventDefault();
  card.ondrop = event => { event.preventDefault(); add([...event.dataTransfer.files]); };
  if (pictures) one.name.readOnly = true;
  classes.push(one);
  grid.append(card);
}

async function addPictures(one, files) {
  one.name.readOnly = true; // pictures are kept under this name
  for (const file of files) {
    try {
      const small = await shrink(file, SIDE);
      await askJson('api/teach/picture?' + query({ class: one.name.value }), small);
      one.counter.textContent = text('pictures', { n: ++one.count });
      if (one.count <= 60) one.thumbs.append(make('img', { src: URL.createObjectURL(small), alt: '' }));
    } catch (problem) {
      showError(status, problem);
    }
  }
  say(text('named', { name: one.name.value, value: one.counter.textContent }));
}

async function shoot(one, card) {
  const video = make('video', { autoplay: true, muted: true, playsInline: true, width: 220 });
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    video.srcObject = stream;
    const take = async () => {
      const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext('2d').drawImage(video, 0, 0);
      await addPictures(one, [fileOf(canvas, 'image/jpeg', 0.92)]);
    };
    const box = make('div', {}, video, make('p', { class: 'row' }, make('button', { type: 'button', onclick: take }, text('shoot')),
      make('button', { type: 'button', class: 'quiet', onclick: () => { stream.getTracks().forEach(track => track.stop()); box.remove(); } }, text('stop'))));
    card.append(box);
  } catch (problem) {
    showError(status, new Error(text('noCamera')));
  }
}

async function train(epochs) {
  status.replaceChildren(make('p', { class: 'empty' }, text('busy')));
  clearInterval(timer);
  timer = setInterval(refresh, 400);
  try {
    show(await askJson('api/teach/train?' + query({ epochs }), ''));
  } catch (problem) {
    showError(status, problem);
  }
  clearInterval(timer);
}

async function refresh() {
  try {
    show(await askJson('api/teach'));
  } catch (problem) {
    clearInterval(timer);
  }
}

async function startOver() {
  try {
    await askJson('api/teach/clear', '');
  } catch (problem) {
    showError(status, problem);
    return;
  }
  classes = [];
  build();
}

function show(state) {
  if (!status || (!state.training && !state.ready && !state.error)) return;
  if (state.error) {
    showError(status, new Error(state.error));
    return;
  }
  const x = state.curve.map((_, i) => i + 1), line = (key, name) => ({ name: text(name), x, y: state.curve.map(point => point[key] ?? NaN) });
  const parts = [make('progress', { value: state.share, max: 1, 'aria-label': text('train') }),
    make('div', { class: 'charts' }, chart(text('loss'), [line('loss', 'train')], false), chart(text('accuracy'), [line('accuracy', 'train'), line('val_accuracy', 'held')], true))];
  if (state.ready) {
    const sentence = state.confusion.length ? text('trained', { seconds: state.seconds.toFixed(1), share: percent(state.accuracy) }) : text('trainedAll', { seconds: state.seconds.toFixed(1) });
    say(sentence);
    parts.unshift(make('p', {}, make('strong', {}, sentence)));
    parts.push(...whenReady(state));
  }
  status.replaceChildren(make('div', { class: 'card' }, parts));
}

function whenReady(state) {
  const result = make('div');
  const test = async ([file]) => {
    if (!file) return;
    try {
      const answer = await askJson('api/teach/predict', file);
      const rows = answer.classes.sort((a, b) => b.probability - a.probability);
      result.replaceChildren(make('img', { class: 'tested', src: URL.createObjectURL(file), alt: text('picture') }), make('ol', { class: 'bars' }, rows.map(row => {
        const fill = make('div', { class: 'fill' });
        fill.style.width = 100 * row.probability + '%';
        return make('li', {}, make('span', { class: 'name' }, row.name), make('span', { class: 'value' }, percent(row.probability)), make('div', { class: 'track' }, fill));
      })));
      say(text('said', { name: rows[0].name, value: percent(rows[0].probability) }));
    } catch (problem) {
      showError(result, problem);
    }
  };
  const save = async () => {
    const blob = await (await ask('api/teach/model')).blob();
    make('a', { href: URL.createObjectURL(blob), download: 'taught.onnx' }).click();
  };
  const names = state.classes.map(one => one.name);
  const table = state.confusion.length ? make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': text('confusion') }, make('h2', {}, text('confusion')),
    make('table', { class: 'matrix' }, make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, text('is')), names.map(name => make('th', { scope: 'col' }, name)))),
      make('tbody', {}, state.confusion.map((row, i) => make('tr', {}, make('th', { scope: 'row' }, names[i]), row.map(value => make('td', {}, value))))))) : null;
  return [make('p', { class: 'row' }, make('button', { type: 'button', onclick: () => chooseFiles(false, test) }, text('testWith')), make('button', { type: 'button', class: 'quiet', onclick: save }, text('download')), make('span', { class: 'small' }, text('servesIt'))), result, table].filter(Boolean);
}
