// The watch over the pages' policy sees a breach: without these tests, its silence would say nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { opened } from './support/browser.js';
import { PATIENCE, until } from './support/service.js';

const BREACHES = {
  'a style beside the stylesheet': () => {
    document.head.append(Object.assign(document.createElement('style'), { textContent: 'a {}' }));
  },
  'a request to another host': () => fetch('http://127.0.0.2:1/').catch(() => {}),
  'markup from a text': () => {
    setTimeout(() => {
      document.body.innerHTML = '<p>';
    });
  },
  'an error of a script': () => {
    setTimeout(() => missing());
  },
};

for (const [name, breach] of Object.entries(BREACHES)) {
  test(`${name} is seen`, { timeout: PATIENCE }, async () => {
    const { page, breaches, close } = await opened();
    try {
      await page.goto('/console/sign-in');
      assert.deepEqual(breaches, []);
      await page.evaluate(breach);
      await until(() => breaches.length > 0);
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
    } finally {
      await close();
    }
  });
}
