// SPDX-License-Identifier: MIT
// Shared by all tabs: making elements, asking the server, pictures, charts. Read next: app.js.
import { text } from './texts.js';

export function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'polyline', 'circle', 'text:svg'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag.replace(':svg', '')) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class' && !svg) element.className = value;
    else if (name in element && !svg && name !== 'list' && name !== 'form') element[name] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

const icons = {
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
};
export function icon(name) {
  return make('svg', { viewBox: '0 0 24 24', class: 'big', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'aria-hidden': 'true' }, make('path', { d: icons[name] }));
}

export function say(sentence) { document.getElementById('status').textContent = sentence; }
export const percent = share => (100 * share).toFixed(share > 0.9995 || share < 0.0995 ? 2 : 1) + ' %';
export const short = number => Math.abs(number) >= 1000 || (number !== 0 && Math.abs(number) < 0.001) ? number.toExponential(2) : String(+number.toPrecision(4));
export const count = number => number.toLocaleString('en-US');

// ---- the server -----------------------------------------------------------------------------------------------------

export const token = new URLSearchParams(location.search).get('token');
export function ask(path, body, signal) {
  const headers = token ? { 'X-Fovea-Token': token } : {};
  if (body) headers['Content-Type'] = 'application/octet-stream';
  return fetch(path, { method: body !== undefined ? 'POST' : 'GET', body, headers, signal });
}
export async function askJson(path, body) {
  let response;
  try {
    response = await ask(path, body);
  } catch (problem) {
    throw new Error(text('failed'));
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  answer.times = {};
  for (const part of (response.headers.get('Server-Timing') || '').split(', ')) {
    const [, name, value] = /^(\w+);dur=([\d.]+)$/.exec(part) || [];
    if (name) answer.times[name] = +value;
  }
  return answer;
}
export const query = values => new URLSearchParams(values).toString();
export function showError(place, problem) {
  place.replaceChildren(make('p', { class: 'error', role: 'alert' }, problem.message));
}

// ---- pictures -------------------------------------------------------------------------------------------------------

export function bytesOf(base64) { return Uint8Array.from(atob(base64), c => c.charCodeAt(0)); }

// Draws raw pixels with 1, 3 or 4 channels on a canvas, which gets their size.
export function paint(canvas, pixels, height, width, channels) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[i * channels + (channels >= 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

// The colours of classes, the same as the library's fov_class_colour.
const first = [[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];
export function classColour(index) {
  if (index < first.length) return first[index];
  const hue = 6 * ((0.618033988749895 * index) % 1), light = index % 2 ? 1 : 0.65;
  return [0, 1, 2].map(c => Math.round(255 * light * (0.25 + 0.75 * Math.min(Math.max(Math.abs(((hue + 6 - 2 * c) % 6) - 3) - 1, 0), 1))));
}

export function chooseFiles(multiple, take) {
  const input = make('input', { type: 'file', accept: 'image/*', multiple });
  input.addEventListener('change', () => take([...input.files]));
  input.click();
}

// A canvas as a file, synchronously: toBlob waits until the browser is idle, for up to a second.
export function fileOf(canvas, type, quality) {
  return new Blob([bytesOf(canvas.toDataURL(type, quality).split(',')[1])], { type });
}

// Scales a picture down for teaching: JPEG, its longer side at most `side` pixels.
export async function shrink(blob, side) {
  const picture = await createImageBitmap(blob);
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = make('canvas', { width: Math.max(1, Math.round(picture.width * scale)), height: Math.max(1, Math.round(picture.height * scale)) });
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  return fileOf(canvas, 'image/jpeg', 0.92);
}

// ---- charts ---------------------------------------------------------------------------------------------------------

// lines: [{name, x: [], y: []}]; each has its own colour and dashes.
const dashes = ['', '6 3', '2 3', '8 3 2 3', '1 2', '10 4'];
export function chart(title, lines, shares) {
  const width = 460, height = 240, left = 56, right = 10, top = 8, bottom = 26;
  const points = lines.flatMap(line => line.x.map((x, i) => [x, line.y[i]])).filter(p => Number.isFinite(p[1]));
  const svg = make('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img', 'aria-label': title });
  if (points.length === 0) return make('figure', {}, make('h3', {}, title), svg);
  const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
  const x0 = Math.min(...xs), x1 = Math.max(...xs, x0 + 1);
  let y0 = shares ? Math.min(...ys) : Math.min(0, ...ys), y1 = Math.max(...ys);
  if (shares && y1 - y0 < 0.02) { y0 = Math.max(0, y0 - 0.1); y1 = Math.min(1, y1 + 0.1); }
  if (y1 - y0 < 1e-9) y1 = y0 + 1;
  const mark = y => (y !== 0 && Math.abs(y) < 0.001 ? y.toExponential(1) : String(+y.toPrecision(3)));
  const px = x => left + (x - x0) / (x1 - x0) * (width - left - right), py = y => height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom);
  for (let i = 0; i <= 4; i++) {
    const y = y0 + (y1 - y0) * i / 4;
    svg.append(make('line', { class: 'grid', x1: left, x2: width - right, y1: py(y), y2: py(y) }));
    const label = make('text:svg', { x: left - 6, y: py(y) + 4, 'text-anchor': 'end' });
    label.textContent = shares ? (100 * y).toFixed(y1 - y0 < 0.05 ? 1 : 0) + '%' : mark(y);
    svg.append(label);
  }
  for (const x of new Set([x0, Math.max(...xs)])) {
    const label = make('text:svg', { x: px(x), y: height - 8, 'text-anchor': x === x0 ? 'start' : 'end' });
    label.textContent = `${text('epoch')} ${+x.toPrecision(3)}`;
    svg.append(label);
  }
  const legend = make('div', { class: 'legend' });
  lines.forEach((line, i) => {
    const places = line.x.map((x, k) => [x, line.y[k]]).filter(p => Number.isFinite(p[1]));
    const look = { class: `line k${i % 6}`, 'stroke-dasharray': dashes[i % 6] };
    svg.append(make('polyline', { ...look, points: places.map(p => `${px(p[0])},${py(p[1])}`).join(' ') }));
    if (places.length === 1) svg.append(make('circle', { class: `k${i % 6}`, cx: px(places[0][0]), cy: py(places[0][1]), r: 3, fill: 'none', 'stroke-width': 2 }));
    legend.append(make('span', {}, make('svg', { viewBox: '0 0 26 8', 'aria-hidden': 'true' }, make('line', { ...look, x1: 0, x2: 26, y1: 4, y2: 4, 'stroke-width': 2 })), line.name));
  });
  return make('figure', { class: 'figure' }, make('h3', {}, title), legend, svg);
}
