// Everybody can use every page: axe finds nothing, dark and light, and nothing is too wide or moves, also on a phone.

import assert from 'node:assert/strict';
import { before } from 'node:test';

import { AxeBuilder } from '@axe-core/playwright';

import { browse, LOOKS, signIn } from './support/browser.js';
import { OUTSIDE, prepared, PROBLEM } from './support/pages.js';

// The sum of shifts below which browsers call a page stable.
const STABLE = 0.1;

let pages;

before(async () => {
  pages = await prepared();
});

// Returns by how much the page shifted since it began to load.
const shifted = (page) =>
  page.evaluate(async () => {
    // A shift is known once it is drawn.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const observer = new PerformanceObserver(() => {});
    observer.observe({ type: 'layout-shift', buffered: true });
    return observer.takeRecords().reduce((sum, shift) => sum + shift.value, 0);
  });

const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// Returns the rules that a page breaks, each with its elements.
const broken = async (page) => {
  // The other mode opens a page more for each run, for frames that these pages do not have.
  const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'] });
  const { violations } = await axe.setLegacyMode().analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
};

// Opens a page. Returns what is wrong with it.
const faults = async (page, [name, path]) => {
  const status = (await page.goto(path)).status();
  const expected = name === PROBLEM ? 404 : 200;
  const shift = await shifted(page);
  const pixels = await tooWide(page);
  const headings = await page.getByRole('heading', { level: 1 }).count();
  return [
    ...(status === expected ? [] : [`it is answered with ${status}`]),
    ...(shift < STABLE ? [] : [`it shifts by ${shift}`]),
    ...(pixels <= 0 ? [] : [`it is ${pixels} pixels too wide`]),
    ...(headings === 1 ? [] : [`it has ${headings} headings`]),
    ...(await broken(page)),
  ];
};

for (const [look, options] of LOOKS) {
  browse(`every page can be used: ${look}`, options, async (page) => {
    const found = {};
    const check = async (one) => {
      const wrong = await faults(page, one);
      if (wrong.length > 0) found[one[0]] = wrong;
    };
    await check(OUTSIDE);
    await signIn(page);
    for (const one of pages) await check(one);
    // All at once: a page that is wrong does not hide the others.
    assert.deepEqual(found, {});
  });
}
