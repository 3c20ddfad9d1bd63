// SPDX-License-Identifier: MIT
// The page of fovea serve in a browser: every tab by mouse and by keyboard, in both colour schemes and three widths, held to
// WCAG 2.2 A and AA by axe-core; no request elsewhere, no error in the console, nothing wider than the window.
//
//   node tests/serve/page.mjs URL MODULES CHROMIUM PICTURE [SCREENSHOTS]
//
// MODULES is a folder in which `npm install playwright-core axe-core` was done. test_page.sh finds all of it.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [url, modules, chromium, picture, screenshots] = process.argv.slice(2);
const require = createRequire(modules + '/');
const { chromium: browsers } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const tabs = ['try', 'why', 'network', 'teach', 'runs', 'learn'];
const patience = 600000; // ms for one step: nothing here is timed, and a busy machine is slow
let faults = 0;

function fault(...words) {
  faults++;
  console.log('FAULT', ...words);
}

async function open(browser, options) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(patience);
  page.on('console', message => { if (message.type() === 'error') fault('console:', message.text()); });
  page.on('pageerror', error => fault('error:', error.message));
  page.on('request', request => { if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) fault('asks elsewhere:', request.url()); });
  await page.goto(url);
  await page.waitForSelector('.stage');
  return page;
}

// page.waitForFunction evaluates text, which the page's policy forbids.
async function until(page, holds, argument) {
  for (let i = 0; i < patience / 100; i++) {
    if (await page.evaluate(holds, argument)) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`this never held: ${holds}`);
}

async function giveFile(page, ...files) {
  await page.click('#way-upload');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click('.stage button')]);
  await chooser.setFiles(files);
}

// What a tab shows when it is ready.
const ready = { try: '#try .bars li', why: '#why .maps button', network: '#network tbody tr', teach: '#teach .card', runs: '#runs .chart', learn: '#learn .lesson .drawing:not([hidden])' };

async function look(page, name, where) {
  const { violations } = await page.evaluate(`${axe}; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })`);
  for (const one of violations) fault(where, one.id, one.nodes.map(node => node.html.slice(0, 120)).slice(0, 3).join(' | '));
  if (/\[object |undefined|NaN/.test(await page.innerText('#main'))) fault(where, 'shows what no person should see');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) fault(where, 'is wider than the window by', wide);
  if (screenshots) await page.screenshot({ path: `${screenshots}/${where}.png`, fullPage: true });
}

async function allTabs(browser, scheme, width, locale) {
  const page = await open(browser, { viewport: { width, height: 900 }, colorScheme: scheme, locale });
  await giveFile(page, picture);
  await page.waitForSelector(ready.try);
  for (const name of tabs) {
    await page.click('#tab-' + name);
    await page.waitForSelector(ready[name]);
    await look(page, name, `${name}-${scheme}-${width}`);
  }
  await page.context().close();
}

// From the address bar: Tab to the tabs, arrows along them, Tab into each, and a stroke drawn with the arrow keys.
async function byKeyboard(browser) {
  const page = await open(browser, { viewport: { width: 1000, height: 800 }, locale: 'en' });
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName);
  await page.keyboard.press('Tab'); // the link that skips
  await page.keyboard.press('Tab');
  if (await focused() !== 'tab-try') fault('keyboard: the second stop is', await focused());
  for (const name of [...tabs.slice(1), 'try']) {
    await page.keyboard.press('ArrowRight');
    if (await focused() !== 'tab-' + name) fault('keyboard: not at tab', name, 'but', await focused());
    if (!await page.isVisible('#' + name)) fault('keyboard: tab', name, 'does not show its panel');
  }
  await page.click('#way-draw');
  await page.focus('.board');
  for (const key of [' ', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', ' ']) await page.keyboard.press(key);
  await page.waitForSelector(ready.try);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  if (outline === 'none') fault('keyboard: focus cannot be seen');
  if (!(await page.textContent('#status')).trim()) fault('keyboard: the answer is not announced');
  await page.context().close();
}

async function byMouse(browser) {
  const page = await open(browser, { viewport: { width: 1200, height: 900 }, locale: 'en' });
  await giveFile(page, picture, picture); // several files: a table, and its download
  await until(page, () => document.querySelectorAll('#try tbody tr').length === 2);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Download CSV')]);
  if (!readFileSync(await file.path(), 'utf8').startsWith('file,answer,probability\n')) fault('the CSV has no heading');
  await page.click('#way-draw');
  const box = await page.locator('.board').boundingBox();
  const begun = Date.now();
  await page.mouse.move(box.x + 60, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + 150, box.y + 200, { steps: 6 });
  await page.mouse.up();
  await page.waitForSelector(ready.try);
  console.log('pen down to bars', Date.now() - begun, 'ms');
  await page.click('#tab-why');
  await page.waitForSelector('#why .sum');
  await page.click('#method-occlusion');
  await until(page, () => document.querySelector('#method-occlusion').getAttribute('aria-pressed') === 'true');
  await page.click('#tab-learn');
  const first = page.locator('#learn .matrix input').first(), result = page.locator('#learn .matrix button').first();
  const before = await result.textContent();
  if (before !== '4') fault('the convolution begins with', before, 'not 4');
  await first.fill('5');
  if (await result.textContent() !== '8') fault('a changed number does not change the result');
  await page.click('#learn .lessons li:nth-child(15) button');
  await until(page, () => /convolution/i.test(document.querySelector('#learn .lesson h3').textContent));
  if (!await page.evaluate(() => document.activeElement.closest('.lesson'))) fault('a chosen lesson does not get the focus');
  await page.click('#language');
  if (await page.getAttribute('html', 'lang') !== 'zh') fault('the language does not change');
  if (/Convolution/.test(await page.textContent('#learn'))) fault('a text has no Chinese');
  await page.click('#learn .lessons li:nth-child(12) button');
  await until(page, () => /反向传播/.test(document.querySelector('#learn .lesson h3').textContent));
  const paragraphs = await page.locator('#learn .lesson p').allTextContents();
  if (!paragraphs.some(words => words.includes('1.1 * 2 = 2.2'))) fault('a line that begins with a number makes its paragraph a drawing');
  await page.context().close();
}

// Two classes, from files to a trained answer and the model as a file.
async function teach(browser) {
  const page = await open(browser, { viewport: { width: 1200, height: 900 }, locale: 'en' });
  await page.click('#tab-teach');
  for (const number of [0, 1]) {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('#teach .classes .card').nth(number).locator('button').first().click()]);
    await chooser.setFiles([picture, picture]);
    await until(page, n => document.querySelectorAll('#teach .classes .card')[n].querySelectorAll('.thumbs img').length === 2, number);
  }
  await page.fill('#teach input[type=number]', '1');
  await page.click('#train');
  await page.waitForSelector('text=Trained in');
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Download as ONNX')]);
  if (file.suggestedFilename() !== 'taught.onnx') fault('the model is called', file.suggestedFilename());
  await look(page, 'teach', 'teach-trained');
  await page.context().close();
}

const browser = await browsers.launch({ executablePath: chromium, args: ['--no-sandbox'], timeout: patience });
try {
  for (const [scheme, width, locale] of [['light', 1400, 'en'], ['dark', 800, 'zh-CN'], ['light', 360, 'en'], ['dark', 2560, 'en']]) await allTabs(browser, scheme, width, locale);
  await byKeyboard(browser);
  await byMouse(browser);
  await teach(browser);
} catch (problem) {
  fault(problem.message);
}
await browser.close();
console.log(`${faults} faults`);
process.exit(faults ? 1 : 0);
