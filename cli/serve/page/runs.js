// SPDX-License-Identifier: MIT
// Runs: curves of training runs side by side, updated while they train; for the training in the server's own process
// (fovea train --serve) also its steps.
import { ask, askJson, chart, count, make, percent, say, short, showError, token } from './common.js';
import { text } from './texts.js';

let root, state, chosen, runs, streams, watching;

export function open(panel, shared) {
  root = panel;
  state = shared;
  chosen = new Set();
  runs = new Map();
  streams = new Map(); // of each run that is followed, what ends its stream
  build();
}
export function enter() { build(); }
export function leave() { if (watching) watching.abort(); watching = null; }

async function build() {
  leave();
  const { signal } = watching = new AbortController();
  root.replaceChildren(make('h1', {}, text('runsTitle')));
  let list;
  try {
    list = await askJson('api/runs');
  } catch (problem) {
    showError(root, problem);
    return;
  }
  if (signal.aborted) return; // the user has left the tab meanwhile
  root.replaceChildren(make('h1', {}, text('runsTitle')), make('p', { class: 'lead' }, text('runsLead', { folder: list.folder })));
  if (list.runs.length === 0) {
    root.append(make('p', { class: 'card empty' }, text('noRuns', { folder: list.folder })));
    return;
  }
  if (chosen.size === 0) chosen.add(state.training || list.runs[list.runs.length - 1]);
  const charts = make('div', { class: 'card' });
  const boxes = list.runs.map(name => {
    const box = make('input', { type: 'checkbox', checked: chosen.has(name) });
    box.onchange = () => { if (box.checked) { chosen.add(name); follow(name, charts, signal); } else { chosen.delete(name); streams.get(name)?.abort(); } draw(charts); };
    return make('li', {}, make('label', {}, box, name));
  });
  root.append(make('div', { class: 'card' }, make('ul', { class: 'runlist' }, boxes)), charts);
  for (const name of chosen) follow(name, charts, signal);
}

// Reads the run's stream of new rows until the run is no longer chosen, or `left` says that the tab was left. A run has
// one stream at a time.
async function follow(name, charts, left) {
  const own = new AbortController(), { signal } = own;
  streams.get(name)?.abort();
  streams.set(name, own);
  left.addEventListener('abort', () => own.abort());
  try {
    const run = await askJson('api/runs/' + encodeURIComponent(name));
    if (signal.aborted) return;
    runs.set(name, run);
    draw(charts);
    const response = await ask('api/runs/events/' + encodeURIComponent(name), undefined, signal);
    if (!response.ok) throw new Error((await response.json()).error);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parts = { rows: false, steps: false };
    let rest = '';
    for (let part = await reader.read(); !part.done && !signal.aborted; part = await reader.read()) {
      rest += part.value;
      const events = rest.split('\n\n');
      rest = events.pop();
      for (const event of events) take(run, event, parts);
      if (events.length) draw(charts);
    }
    reader.cancel();
  } catch (problem) {
    if (!signal.aborted) showError(charts, problem);
  }
}

// Applies one event. The first message of rows or points holds all of them, later ones only the new ones.
function take(run, event, parts) {
  const [, kind, body] = /^event: (\w+)\ndata: (.*)$/.exec(event) || [];
  if (kind === 'end') {
    run.ended = true;
    say(text('runEnded'));
  } else if (kind === 'rows') {
    const { columns, rows } = JSON.parse(body);
    run.columns = columns;
    run.rows = parts.rows ? [...run.rows, ...rows] : rows;
    parts.rows = true;
  } else if (kind === 'steps') {
    const { points, at } = JSON.parse(body);
    run.points = parts.steps ? [...run.points, ...points] : points;
    run.at = at;
    parts.steps = true;
  }
}

function whereItStands(run) {
  const { at } = run;
  const bar = make('i');
  bar.style.width = 100 * at.share + '%';
  return make('p', { class: 'row' }, make('strong', {}, run.name), make('span', { class: 'meter wide', role: 'img', 'aria-label': percent(at.share) }, bar),
    make('span', {}, run.ended ? text('runEnded') : text('runAt', { epoch: at.epochs ? `${at.epoch} / ${at.epochs}` : at.epoch, step: `${count(at.step)} / ${count(at.steps)}`, speed: count(+at.samples_per_second.toPrecision(3)) })));
}

function draw(place) {
  const shown = [...chosen].filter(name => runs.has(name)).map(name => runs.get(name));
  const columns = [...new Set(shown.flatMap(run => run.columns))].filter(column => !['epoch', 'time', 'wait'].includes(column));
  const charts = columns.map(column => {
    const lines = shown.filter(run => run.columns.includes(column)).map(run => {
      const at = run.columns.indexOf(column);
      return { name: run.name, x: run.rows.map(row => row[0]), y: run.rows.map(row => row[at] ?? NaN) };
    });
    return chart(column, lines, /accuracy|iou|f1|dice/.test(column));
  });
  const head = make('tr', {}, make('th', { scope: 'col' }, text('lastRow')), shown.map(run => make('th', { scope: 'col' }, run.name)));
  const rows = columns.map(column => make('tr', {}, make('td', {}, column), shown.map(run => make('td', {}, run.rows.length && run.columns.includes(column) ? short(run.rows[run.rows.length - 1][run.columns.indexOf(column)] ?? NaN) : ''))));
  const live = shown.find(run => run.at && run.at.steps);
  if (live) charts.unshift(chart(text('lossBySteps'), [{ name: live.name, x: live.points.map(point => point[0]), y: live.points.map(point => point[1]) }]));
  place.replaceChildren(live ? whereItStands(live) : '', make('div', { class: 'charts' }, charts), make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': text('lastRow') }, make('table', {}, make('thead', {}, head), make('tbody', {}, rows))),
    make('p', { class: 'row' }, shown.filter(run => run.report).map(run => make('button', { type: 'button', class: 'quiet', onclick: () => openReport(run.name) }, text('named', { name: text('openReport'), value: run.name })))));
}

// The report opens in its own window, because this page's content policy forbids its inline style. With a token it is
// fetched with the header and saved instead, because a plain address cannot carry the header.
async function openReport(name) {
  const path = 'api/runs/report/' + encodeURIComponent(name);
  if (!token) {
    window.open(path, '_blank', 'noopener');
    return;
  }
  const blob = await (await ask(path)).blob();
  make('a', { href: URL.createObjectURL(blob), download: `${name}.html` }).click();
}
