// Saves every page as a picture: `tests/python/browser.py --pictures DIRECTORY`.

import { join } from 'node:path';

import { browse, LOOKS, signIn } from './support/browser.js';
import { OUTSIDE, prepared, stuck } from './support/pages.js';
import { lost, main } from './support/service.js';

// The pages of a service are prepared once, for all looks.
const SERVICES = [
  [main, prepared],
  [lost, stuck],
];

const saved = async (page, name, look) => {
  const path = join(process.env.LETHE_TEST_PICTURES, `${name}-${look}.png`);
  // To hide the caret or to stop animations Playwright writes styles, which the policy refuses.
  await page.screenshot({ path, fullPage: true, animations: 'allow', caret: 'initial' });
};

for (const [service, prepare] of SERVICES) {
  let pages;
  for (const [look, options] of LOOKS) {
    browse(`${prepare.name}, ${look}`, { service, ...options }, async (page) => {
      pages ??= await prepare();
      const [name, path] = OUTSIDE;
      await page.goto(path);
      await saved(page, name, look);
      await signIn(page, service.key);
      for (const [name, path] of pages) {
        await page.goto(path);
        await saved(page, name, look);
      }
    });
  }
}
