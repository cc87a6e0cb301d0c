// Ids are hidden until somebody asks for them, and the audit trail notes that.

import assert from 'node:assert/strict';

import { browse, isSame, note, signIn } from './support/browser.js';
import { main, person } from './support/service.js';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

browse('a click shows the ids of a job, and the audit trail notes it', {}, async (page) => {
  const id = await main.submit({ select: person(2), dry_run: true });
  await main.ended(id);
  await signIn(page, main.key, `/console/jobs/${id}`);
  await note(page);
  const ids = new Set((await page.locator('main').innerText()).match(new RegExp(UUID, 'g')));
  assert.deepEqual([...ids], [id]);

  await page.getByRole('button', { name: /^Show found/ }).click();
  const table = page.getByRole('table', { name: 'Memories that are found' });
  await table.waitFor();
  assert.match(await table.getByRole('rowheader').first().innerText(), UUID);
  assert.equal(await isSame(page), true, 'the page was loaded again');
  // The keyboard goes on at the answer.
  assert.equal(await page.evaluate(() => document.activeElement.id), 'items');

  await page.goto('/console/audit');
  const event = page.getByRole('row').filter({ hasText: 'job.items' }).filter({ has: page.locator(`a[href$="${id}"]`) });
  assert.equal(await event.count(), 1);
});
