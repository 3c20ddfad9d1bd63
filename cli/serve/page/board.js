// SPDX-License-Identifier: MIT
// A drawing board: white strokes on black, as in data sets of handwritten digits, by mouse, finger, pen or keyboard. At
// the end of each stroke it passes the picture on as PNG.
import { fileOf, make } from './common.js';
import { text } from './texts.js';

const SIDE = 280;
// Example digits: strokes in a square of 100 by 100.
const examples = {
  3: [[[30, 22], [52, 16], [68, 26], [64, 42], [46, 49], [66, 56], [71, 72], [56, 84], [32, 79]]],
  7: [[[28, 22], [72, 22], [46, 84]]],
  5: [[[68, 20], [36, 20], [34, 46], [54, 42], [70, 56], [66, 76], [48, 84], [30, 76]]],
};

export function drawingBoard(take) {
  const canvas = make('canvas', { width: SIDE, height: SIDE, class: 'board', tabIndex: 0, role: 'img', 'aria-label': text('board') });
  const width = make('input', { type: 'range', min: 8, max: 40, value: 20 });
  const pen = canvas.getContext('2d');
  let strokes = [], stroke = null, cursor = [SIDE / 2, SIDE / 2];

  function redraw() {
    pen.fillStyle = '#000';
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.lineCap = pen.lineJoin = 'round';
    pen.strokeStyle = '#fff';
    for (const { points, size } of strokes) {
      pen.lineWidth = size;
      pen.beginPath();
      points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      if (points.length === 1) pen.lineTo(points[0][0] + 0.1, points[0][1]);
      pen.stroke();
    }
  }
  function handOn() {
    stroke = null;
    if (strokes.length) take(fileOf(canvas, 'image/png'));
  }
  function markCursor() {
    redraw();
    pen.strokeStyle = stroke ? '#f4a62a' : '#7cc4f5';
    pen.lineWidth = 2;
    pen.strokeRect(cursor[0] - 5, cursor[1] - 5, 10, 10);
  }
  const place = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  canvas.onpointerdown = event => {
    canvas.setPointerCapture(event.pointerId);
    stroke = { points: [place(event)], size: +width.value };
    strokes.push(stroke);
    redraw();
  };
  canvas.onpointermove = event => {
    if (stroke && event.buttons) { stroke.points.push(place(event)); redraw(); }
  };
  canvas.onpointerup = handOn;
  canvas.onkeydown = event => {
    const step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] }[event.key];
    if (step) {
      cursor = cursor.map((at, i) => Math.min(SIDE, Math.max(0, at + step[i])));
      if (stroke) stroke.points.push([...cursor]);
    } else if (event.key === ' ') {
      if (stroke) { redraw(); handOn(); } else { stroke = { points: [[...cursor]], size: +width.value }; strokes.push(stroke); }
    } else return;
    event.preventDefault();
    markCursor();
  };
  canvas.onblur = redraw;
  const undo = () => { strokes.pop(); redraw(); handOn(); };
  const clear = () => { strokes = []; redraw(); };
  const example = digit => {
    strokes = examples[digit].map(points => ({ points: points.map(([x, y]) => [x * SIDE / 100, y * SIDE / 100]), size: +width.value }));
    redraw();
    handOn();
  };
  redraw();
  return make('div', { class: 'boardbox' }, canvas,
    make('p', { class: 'row' }, make('label', {}, text('pen'), width)),
    make('p', { class: 'row' },
      make('button', { type: 'button', class: 'quiet', onclick: undo }, text('undo')),
      make('button', { type: 'button', class: 'quiet', onclick: clear }, text('clear')),
      Object.keys(examples).map(digit => make('button', { type: 'button', class: 'quiet', onclick: () => example(digit) }, `${text('example')} ${digit}`))));
}
