// An act on all jobs of a filtered list, and on no other.

import assert from 'node:assert/strict';

import { browse, shows, signIn } from './support/browser.js';
import { later, main, person } from './support/service.js';

// More jobs than this are confirmed by their number.
const LARGE = 100;

browse('all jobs that match are retried, and no other', {}, async (page) => {
  const fail = (number, labels) => main.submit({ select: person(number), limit: 1, labels });
  const mine = await Promise.all([9, 10, 11].map((number) => fail(number, { suite: 'retry' })));
  const other = await fail(12, {});
  await Promise.all([...mine, other].map((id) => main.ended(id)));

  await signIn(page, main.key, '/console/jobs');
  await page.getByLabel('State', { exact: true }).selectOption('failed');
  await page.getByLabel('Label', { exact: true }).fill('suite:retry');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/label=/);
  const rows = page.getByRole('table').getByRole('rowheader');
  assert.deepEqual((await rows.allTextContents()).sort(), mine.sort());
  await page.getByRole('link', { name: 'Retry all that match' }).click();
  await page.getByRole('button', { name: 'Retry 3 jobs' }).click();
  await shows(page, '3 jobs: 3 done, 0 refused, 0 unchanged, 0 left.');

  for (const id of mine) {
    const { attempts } = await main.ended(id);
    assert.deepEqual(attempts.map(({ attempt }) => attempt), [1, 2], id);
  }
  assert.ok((await main.ended(other)).attempts.length < 2, other);
});

browse('many jobs are cancelled after their number was typed', {}, async (page) => {
  const number = LARGE + 1;
  const waiting = { select: { ids: ['00000000-0000-4000-8000-000000000004'] }, not_before: later() };
  const other = await main.submit(waiting);
  const mine = [];
  while (mine.length < number) mine.push(await main.submit({ ...waiting, labels: { suite: 'cancel' } }));
  await signIn(page, main.key, '/console/jobs?label=suite:cancel');
  await page.getByRole('link', { name: 'Cancel all that match' }).click();
  const act = page.getByRole('button', { name: `Cancel ${number} jobs` });
  const typed = page.getByLabel(`Type ${number} to go on`);
  await typed.fill('1');
  await act.click();
  await page.locator('#message:not(:empty)').waitFor();
  assert.equal((await main.ask('GET', `/v1/jobs/${mine[0]}`)).state, 'queued');
  await typed.fill(String(number));
  await act.click();
  await shows(page, `${number} jobs: ${number} done, 0 refused, 0 unchanged, 0 left.`);
  for (const id of [mine.at(0), mine.at(-1)]) assert.equal((await main.ended(id)).state, 'cancelled');
  assert.equal((await main.ask('GET', `/v1/jobs/${other}`)).state, 'queued');
});
