// A person's memories are counted, confirmed and erased, and the bar moves meanwhile.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { browse, hasState, isSame, note, shows, signIn } from './support/browser.js';
import { main } from './support/service.js';

// `tests/python/browser.py` has written these.
const PERSON = 'purged@example.com';
const MEMORIES = 5_000;

// Fast enough for a test, and slow enough to be seen.
const PACE = 1_000;

const SELECT = { subject: { user_id: PERSON } };

// Returns the number of memories that are still there.
const left = async () => (await main.ended(await main.submit({ select: SELECT, dry_run: true }))).selected;

// Returns the values that the bar shows until the job has succeeded.
const watched = async (page) => {
  const bar = page.getByRole('progressbar', { name: 'Progress of the job' });
  const end = page.locator('#progress .state.succeeded');
  const values = new Set();
  while (!(await end.isVisible())) {
    values.add(Number(await bar.getAttribute('value')));
    await sleep(50);
  }
  values.add(Number(await bar.getAttribute('value')));
  return [...values];
};

browse('a purge is previewed, confirmed by its number, and watched', {}, async (page) => {
  await signIn(page, main.key, '/console/new');
  await page.getByRole('link', { name: 'By person' }).click();
  await page.getByLabel('Person', { exact: true }).fill(PERSON);
  await page.getByLabel('Memories a second, at most').fill(String(PACE));
  await page.getByRole('button', { name: 'Preview' }).click();

  const erase = page.getByRole('button', { name: 'Erase 5,000 memories' });
  await erase.waitFor();
  await shows(page, 'main/memories');
  assert.equal(await left(), MEMORIES);

  // A wrong number erases nothing.
  const typed = page.getByLabel(`Type ${MEMORIES} to confirm`);
  await typed.fill('500');
  await erase.click();
  await page.getByRole('alert').filter({ hasText: `type ${MEMORIES}` }).waitFor();
  assert.equal(await left(), MEMORIES);

  await typed.fill(String(MEMORIES));
  await erase.click();
  await page.waitForURL(/\/console\/jobs\/[0-9a-f-]{36}$/);
  await note(page);
  const values = await watched(page);
  assert.ok(values.some((value) => value > 0 && value < 100), `the bar did not move: ${values}`);
  assert.deepEqual(values, [...values].sort((a, b) => a - b), 'the bar moved back');
  assert.equal(values.at(-1), 100);
  await hasState(page, 'succeeded');
  assert.equal(await isSame(page), true, 'the page was loaded again');
  await shows(page, '5,000 of 5,000 memories');

  const job = await main.ended(page.url().split('/').at(-1));
  assert.deepEqual(job.stores.map((store) => store.counts.erased), [MEMORIES, MEMORIES]);
  assert.equal(await left(), 0);
});
