// SPDX-License-Identifier: MIT
// Why: the picture as the network saw it, with maps of what mattered; feature maps of any layer, and the sum that gives
// one of their numbers.
import { askJson, bytesOf, make, paint, query, say, short, showError } from './common.js';
import { text } from './texts.js';

const methods = ['gradcam', 'occlusion', 'integrated_gradients', 'scorecam', 'smoothgrad'];
let root, state, method, explained, canvas, heat, frame, strength, about, mapsPlace, sumPlace, layerSelect, shownFor;

export function open(panel, shared) {
  root = panel;
  state = shared;
  method = method || 'gradcam';
  build();
}
export function enter() { if (shownFor !== state.picture) build(); }

async function build() {
  shownFor = state.picture;
  root.replaceChildren(make('h1', {}, text('whyTitle')), make('p', { class: 'lead' }, text('whyLead')));
  if (!state.picture || !state.model) {
    root.append(make('p', { class: 'card empty' }, text(state.model ? 'whyEmpty' : 'noModel')));
    return;
  }
  canvas = make('canvas', { role: 'img', 'aria-label': text('seenAlt') });
  heat = make('canvas', { 'aria-hidden': 'true' });
  frame = make('canvas', { 'aria-hidden': 'true' }); // outlines a receptive field
  strength = make('input', { type: 'range', min: 0, max: 100, value: 75, oninput: () => { heat.style.opacity = strength.value / 100; } });
  about = make('p', { class: 'small' });
  const group = make('div', { class: 'group', role: 'group', 'aria-label': text('why') },
    methods.map(name => make('button', { type: 'button', 'aria-pressed': String(name === method), id: 'method-' + name, onclick: () => choose(name) }, text(name))));
  const classes = make('select', { onchange: explain }, make('option', { value: '' }, text('best')),
    state.model.classes.map((name, i) => make('option', { value: i }, name)));
  classes.id = 'explain-class';
  layerSelect = make('select', { onchange: showLayer });
  mapsPlace = make('div');
  sumPlace = make('div');
  root.append(make('div', { class: 'columns' },
    make('div', { class: 'card' }, make('div', { class: 'row' }, group),
      make('p', { class: 'row' }, make('label', {}, text('forClass'), classes), make('label', {}, text('strength'), strength)),
      make('div', { class: 'seen' }, canvas, heat, frame), about),
    make('div', {},
      make('div', { class: 'card' }, make('div', { class: 'row spread' }, make('h2', {}, text('layers')), make('label', {}, text('layer'), layerSelect)), mapsPlace),
      make('div', { class: 'card' }, make('h2', {}, text('sumTitle')), make('p', { class: 'small' }, text('sumLead')), sumPlace))));
  await explain();
  await listLayers();
}

function choose(name) {
  method = name;
  for (const other of methods) document.getElementById('method-' + other).setAttribute('aria-pressed', other === name);
  explain();
}

async function explain() {
  about.textContent = text('busy');
  try {
    explained = await askJson('api/explain?' + query({ model: state.model.name, methods: method, class: document.getElementById('explain-class').value }), state.picture);
  } catch (problem) {
    showError(about, problem);
    return;
  }
  const { seen } = explained;
  canvas.parentElement.style.aspectRatio = `${seen.width} / ${seen.height}`;
  paint(canvas, bytesOf(seen.pixels), seen.height, seen.width, seen.channels);
  drawHeat(explained[method]);
  about.textContent = text('scored', { name: explained.name, value: short(explained.score), about: text(explained[method] ? 'about_' + method : 'notHere') });
  say(about.textContent);
}

// Warm colours speak for the class, cold ones against it; a map with a value for each input number is summed over
// channels.
function drawHeat(map) {
  const { height, width } = explained;
  const image = new ImageData(width, height);
  if (map) {
    const planes = Array.isArray(map[0][0]) ? map : [map], values = new Float64Array(width * height);
    for (const plane of planes) plane.forEach((row, y) => row.forEach((value, x) => { values[y * width + x] += value; }));
    const sizes = Float64Array.from(values, Math.abs).sort();
    const most = (planes === map ? sizes[Math.floor(sizes.length * 0.99)] : sizes[sizes.length - 1]) || 1;
    values.forEach((value, i) => {
      const size = Math.min(1, Math.abs(value) / most);
      const colour = value >= 0 ? [120 + 135 * Math.min(1, 2 * size), 20 + 210 * size * size, 20 + 60 * (1 - size)] : [20, 60 + 120 * size, 120 + 135 * size];
      image.data.set([...colour, 255 * Math.sqrt(size)], 4 * i);
    });
  }
  heat.width = width;
  heat.height = height;
  heat.style.opacity = strength.value / 100;
  heat.getContext('2d').putImageData(image, 0, 0);
}

// ---- layers ---------------------------------------------------------------------------------------------------------

async function listLayers() {
  try {
    const network = await askJson('api/network?' + query({ model: state.model.name }));
    const layers = network.layers.filter(layer => layer.shape.length === 4 && layer.shape[2] * layer.shape[3] > 1);
    layerSelect.replaceChildren(...layers.map(layer => make('option', { value: layer.name }, `${layer.name} (${layer.type})`)));
    if (layers.length) showLayer();
    else mapsPlace.replaceChildren(make('p', { class: 'empty' }, text('notHere')));
  } catch (problem) {
    showError(mapsPlace, problem);
  }
}

async function showLayer() {
  let layer;
  try {
    layer = await askJson('api/layer?' + query({ model: state.model.name, layer: layerSelect.value }), state.picture);
  } catch (problem) {
    showError(mapsPlace, problem);
    return;
  }
  const bytes = bytesOf(layer.maps), area = layer.height * layer.width;
  const buttons = Array.from({ length: layer.shown }, (_, i) => {
    const picture = make('canvas', { 'aria-hidden': 'true' });
    paint(picture, bytes.subarray(i * area, (i + 1) * area), layer.height, layer.width, 1);
    return make('button', { type: 'button', 'aria-pressed': 'false', 'aria-label': text('map', { i }), onclick: event => pickMap(layer, i, bytes.subarray(i * area, (i + 1) * area), event.currentTarget) }, picture);
  });
  mapsPlace.replaceChildren(make('p', { class: 'small' }, text('maps', { n: layer.shown, all: layer.channels, h: layer.height, w: layer.width })), make('div', { class: 'maps' }, buttons));
  sumPlace.replaceChildren();
  if (layer.type === 'conv') buttons[0].click();
}

// ---- one number -----------------------------------------------------------------------------------------------------

function pickMap(layer, filter, pixels, button) {
  for (const other of mapsPlace.querySelectorAll('button')) other.setAttribute('aria-pressed', other === button);
  if (layer.type !== 'conv') {
    sumPlace.replaceChildren();
    return;
  }
  const best = pixels.indexOf(Math.max(...pixels));
  const big = make('canvas', { class: 'pick', 'aria-hidden': 'true' });
  const row = make('input', { type: 'number', min: 0, max: layer.height - 1, value: Math.floor(best / layer.width) });
  const column = make('input', { type: 'number', min: 0, max: layer.width - 1, value: best % layer.width });
  const out = make('div');
  const show = async () => {
    paint(big, pixels, layer.height, layer.width, 1);
    const pen = big.getContext('2d');
    pen.fillStyle = '#f4a62a';
    pen.fillRect(+column.value, +row.value, 1, 1);
    try {
      showSum(out, await askJson('api/sum?' + query({ model: state.model.name, layer: layerSelect.value, filter, row: row.value, column: column.value }), state.picture));
    } catch (problem) {
      showError(out, problem);
    }
  };
  row.onchange = column.onchange = show;
  big.onclick = event => {
    const box = big.getBoundingClientRect();
    column.value = Math.min(layer.width - 1, Math.floor((event.clientX - box.left) / box.width * layer.width));
    row.value = Math.min(layer.height - 1, Math.floor((event.clientY - box.top) / box.height * layer.height));
    show();
  };
  sumPlace.replaceChildren(big, make('p', { class: 'row' }, make('label', {}, text('rowAt'), row), make('label', {}, text('columnAt'), column)), out);
  show();
}

function matrix(rows, name) {
  return make('table', { class: 'matrix', 'aria-label': name }, make('tbody', {}, rows.map(row => make('tr', {}, row.map(value => make('td', {}, short(value)))))));
}

function showSum(out, sum) {
  const part = c => sum.patch[c].reduce((all, row, y) => all + row.reduce((some, value, x) => some + value * sum.kernel[c][y][x], 0), 0);
  const shown = Math.min(sum.patch.length, 3);
  let rest = 0;
  for (let c = shown; c < sum.patch.length; c++) rest += part(c);
  out.replaceChildren(
    ...Array.from({ length: shown }, (_, c) => make('div', { class: 'sum scroll', tabIndex: 0, role: 'group', 'aria-label': text('channel', { i: sum.first_channel + c }) },
      make('small', {}, text('channel', { i: sum.first_channel + c })), matrix(sum.patch[c], text('patch')), make('span', {}, '×'), matrix(sum.kernel[c], text('kernel')), make('span', {}, '= ' + short(part(c))))),
    sum.patch.length > shown ? make('p', { class: 'small' }, text('further', { n: sum.patch.length - shown, value: short(rest) })) : '',
    make('p', {}, make('strong', {}, text('equals', { bias: short(sum.bias), sum: +sum.sum.toPrecision(6), result: +sum.result.toPrecision(6) }))));
  // outlines its receptive field on the picture that the network saw
  const { seen } = explained;
  frame.width = seen.width;
  frame.height = seen.height;
  const pen = frame.getContext('2d'), [top, left, height, width] = sum.field, thick = Math.max(1, Math.round(seen.width / 112));
  pen.strokeStyle = '#f4a62a';
  pen.lineWidth = thick;
  pen.strokeRect(left - thick / 2, top - thick / 2, width + thick, height + thick);
}
