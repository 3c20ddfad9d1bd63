// SPDX-License-Identifier: MIT
// Time from lifting the pen to new bars on the page of fovea serve, in a real browser: median and 95th percentile.
//
//   node bench/pen.mjs URL [STROKES]      (fovea serve runs/train --port 0 --json prints the URL)
//
// Needs the npm packages that ./dev test fetches into build/node, and chromium. The page's own clock measures from the
// pointerup event to the next frame after the bars have changed.
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';

const [url, strokes = '60'] = process.argv.slice(2);
const WARMING = 5; // strokes that are not counted
if (!url || !(+strokes > WARMING)) {
  console.error(`usage: node bench/pen.mjs URL [STROKES]; more than ${WARMING} strokes, of which the first ${WARMING} are not counted`);
  process.exit(2);
}
const require = createRequire(new URL('../build/node/', import.meta.url));
const { chromium } = require('playwright-core');
const executablePath = execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome'], { encoding: 'utf8' }).trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 }, locale: 'en' })).newPage();
await page.goto(url);
await page.click('#way-draw');
const box = await page.locator('.board').boundingBox();
await page.evaluate(() => {
  let up = 0;
  window.times = [];
  addEventListener('pointerup', () => { up = performance.now(); }, true);
  new MutationObserver(() => {
    if (!up || !document.querySelector('#try .bars li')) return;
    const begun = up;
    up = 0;
    requestAnimationFrame(() => window.times.push(performance.now() - begun));
  }).observe(document.querySelector('#try'), { childList: true, subtree: true });
});
for (let i = 0; i < +strokes; i++) {
  await page.mouse.move(box.x + 40 + 3 * (i % 40), box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 120, box.y + 60 + 4 * (i % 30), { steps: 4 });
  await page.mouse.up();
  for (let k = 0; k < 200 && await page.evaluate(() => window.times.length) <= i; k++) await page.waitForTimeout(20);
}
const times = (await page.evaluate(() => window.times)).slice(WARMING).sort((a, b) => a - b);
await browser.close();
if (times.length !== +strokes - WARMING) {
  console.error(`of ${strokes} strokes ${+strokes - WARMING - times.length} changed no bars within 4 s`);
  process.exit(1);
}
console.log(`pen up to bars, ${times.length} strokes: median ${times[times.length >> 1].toFixed(1)} ms, p95 ${times[Math.floor(times.length * 0.95)].toFixed(1)} ms, least ${times[0].toFixed(1)} ms; load average ${loadavg()[0].toFixed(1)}`);
