// SPDX-License-Identifier: MIT
// Network: the architecture as a drawing, a row per layer with its sizes and its time on this machine, and the filters
// of a convolution when its name is clicked.
import { ask, askJson, bytesOf, count, make, paint, query, short, showError } from './common.js';
import { text } from './texts.js';

let root, state;

export function open(panel, shared) {
  root = panel;
  state = shared;
  build();
}

const bytes = size => size < 1024 ? `${size} B` : size < 1048576 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 1048576).toFixed(1)} MiB`;
const shapeOf = shape => shape.join(' × ');

async function build() {
  root.replaceChildren(make('h1', {}, text('networkTitle')), make('p', { class: 'lead' }, text('networkLead')));
  if (!state.model) {
    root.append(make('p', { class: 'card empty' }, text('noModel')));
    return;
  }
  const card = make('div', { class: 'card' }, make('p', { class: 'empty' }, text('busy'))), filters = make('div', { class: 'card', hidden: true }), drawing = make('div', { class: 'card', hidden: true });
  root.append(card, filters, drawing);
  showDrawing(drawing);
  try {
    fill(card, filters, await askJson('api/network?' + query({ model: state.model.name })));
  } catch (problem) {
    showError(card, problem);
  }
}

function fill(card, filters, network) {
  const times = network.milliseconds, most = Math.max(...Object.values(times), 1e-9);
  const total = Object.values(times).reduce((sum, time) => sum + time, 0);
  const figure = (name, value) => make('div', {}, make('dt', {}, text(name)), make('dd', {}, value));
  const head = ['layer', 'type', 'shape', 'parameters', 'multiplyAdds', 'field', 'time'].map((key, i) => make('th', { scope: 'col', class: i === 1 ? 'text' : '' }, text(key)));
  const rows = network.layers.map(layer => {
    const time = times[layer.name], bar = make('i');
    if (time) bar.style.width = 100 * time / most + '%';
    const name = layer.type === 'conv' && layer.shape.length === 4 ? make('button', { type: 'button', class: 'link', onclick: () => showFilters(filters, layer.name) }, layer.name) : layer.name;
    return make('tr', {}, make('td', {}, name), make('td', { class: 'text' }, layer.type), make('td', {}, shapeOf(layer.shape)), make('td', {}, count(layer.parameters)), make('td', {}, count(layer.multiply_adds)),
      make('td', {}, layer.receptive_field[0] ? layer.receptive_field.join(' × ') : text('whole')), make('td', {}, time ? time.toFixed(3) : '', time ? make('span', { class: 'meter', 'aria-hidden': 'true' }, bar) : null));
  });
  card.replaceChildren(
    make('dl', { class: 'figures' }, figure('input', shapeOf(network.input)), figure('parameters', count(network.parameters)), figure('multiplyAdds', count(network.multiply_adds)), figure('weights', bytes(network.parameter_bytes)), figure('time', total.toFixed(2))),
    make('p', {}, make('button', { type: 'button', class: 'quiet', onclick: build }, text('measure'))),
    make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': text('layers') }, make('table', {}, make('thead', {}, make('tr', {}, head)), make('tbody', {}, rows))));
}

// The drawing of `fovea inspect --svg`; a build without cairo has none.
async function showDrawing(place) {
  const response = await ask('api/drawing?' + query({ model: state.model.name }));
  if (!response.ok) return;
  const address = URL.createObjectURL(await response.blob());
  place.replaceChildren(make('h2', {}, text('architecture')), make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': text('architecture') }, make('img', { class: 'drawing', src: address, alt: text('architectureOf', { name: state.model.name }) })),
    make('p', {}, make('a', { href: address, download: state.model.name + '.svg' }, text('downloadSvg'))));
  place.hidden = false;
}

async function showFilters(place, layer) {
  place.hidden = false;
  try {
    const answer = await askJson('api/filters?' + query({ model: state.model.name, layer }));
    const values = bytesOf(answer.values), taps = answer.height * answer.width, size = answer.planes * taps;
    place.replaceChildren(make('h2', { tabIndex: -1 }, text('filtersOf', { name: layer })), make('div', { class: 'maps' }, Array.from({ length: answer.shown }, (_, f) => {
      const canvas = make('canvas', { role: 'img', 'aria-label': text('map', { i: f }) }), pixels = new Uint8Array(size);
      for (let c = 0; c < answer.planes; c++) for (let i = 0; i < taps; i++) pixels[i * answer.planes + c] = values[f * size + c * taps + i];
      paint(canvas, pixels, answer.height, answer.width, answer.planes);
      return canvas;
    })));
    place.querySelector('h2').focus();
  } catch (problem) {
    showError(place, problem);
  }
}
