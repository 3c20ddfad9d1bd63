// SPDX-License-Identifier: MIT
// The page: tabs, the chosen model, the language. Each tab is a module that fills its panel the first time it is shown,
// and again after the model or the language has changed. Read next: try.js.
import { askJson, make, showError } from './common.js';
import { text, locale, toggleLanguage } from './texts.js';
import * as tryTab from './try.js';
import * as whyTab from './why.js';
import * as networkTab from './network.js';
import * as teachTab from './teach.js';
import * as runsTab from './runs.js';
import * as learnTab from './learn.js';

const tabs = { try: tryTab, why: whyTab, network: networkTab, teach: teachTab, runs: runsTab, learn: learnTab };
let names = Object.keys(tabs);
const shown = new Set();

// State that the tabs share: the model, and the last picture given.
export const state = { models: [], model: null, picture: null, pictureName: '', training: null };

const panel = name => document.getElementById(name);
const tab = name => document.getElementById('tab-' + name);
const current = () => names.find(name => tab(name).getAttribute('aria-selected') === 'true') || names[0];

function show(name, focus) {
  for (const other of Object.keys(tabs)) {
    const chosen = other === name;
    tab(other).setAttribute('aria-selected', chosen);
    tab(other).tabIndex = chosen ? 0 : -1;
    panel(other).hidden = !chosen;
    if (!chosen && shown.has(other) && tabs[other].leave) tabs[other].leave();
  }
  if (focus) tab(name).focus();
  if (location.hash !== '#' + name) history.replaceState(null, '', location.pathname + location.search + '#' + name);
  if (!shown.has(name)) {
    shown.add(name);
    tabs[name].open(panel(name), state);
  } else if (tabs[name].enter) {
    tabs[name].enter(state);
  }
  tab(name).scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function translate() {
  document.documentElement.lang = locale();
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', text(element.dataset.label));
  document.getElementById('model').setAttribute('aria-label', text('model'));
  const button = document.getElementById('language');
  button.textContent = text('other');
  button.lang = locale() === 'zh' ? 'en' : 'zh';
}

function again() {
  const name = current();
  for (const other of shown) if (tabs[other].leave) tabs[other].leave();
  shown.clear();
  for (const other of names) panel(other).replaceChildren();
  show(name);
}

function watchKeys(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = names.indexOf(current());
  if (step) show(names[(at + step + names.length) % names.length], true);
  else if (event.key === 'Home') show(names[0], true);
  else if (event.key === 'End') show(names[names.length - 1], true);
  else return;
  event.preventDefault();
}

// fovea serve --no-teach.
function teachNothing() {
  tab('teach').hidden = true;
  names = names.filter(name => name !== 'teach');
}

// fovea train --serve serves no model: only the tabs Runs and Learn are shown.
function watchOnly() {
  for (const name of names) if (name !== 'runs' && name !== 'learn') tab(name).hidden = true;
  names = ['runs', 'learn'];
  document.querySelector('.tools .model').hidden = true;
}

async function begin() {
  translate();
  for (const name of names) tab(name).addEventListener('click', () => show(name));
  document.querySelector('.tabs').addEventListener('keydown', watchKeys);
  document.getElementById('language').addEventListener('click', () => { toggleLanguage(); translate(); again(); });
  const select = document.getElementById('model');
  try {
    const { models, training, teach } = await askJson('api/models');
    Object.assign(state, { models, training });
    if (teach === false) teachNothing();
  } catch (problem) {
    showError(panel('try'), problem);
    return;
  }
  select.replaceChildren(...state.models.map(model => make('option', { value: model.name }, model.name)));
  state.model = state.models[0] || null;
  select.disabled = state.models.length === 0;
  select.addEventListener('change', () => { state.model = state.models[select.selectedIndex]; again(); });
  if (state.training) watchOnly();
  const wanted = location.hash.slice(1);
  show(names.includes(wanted) ? wanted : names[0]);
}

begin();
