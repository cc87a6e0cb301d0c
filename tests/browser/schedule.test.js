// A schedule is written after its preview, paused, resumed and deleted.

import assert from 'node:assert/strict';

import { browse, shows, signIn } from './support/browser.js';
import { main, person } from './support/service.js';

const NAME = 'suite-nightly';

// Returns the stored schedule, if it is there.
const stored = async () => {
  const { schedules } = await main.ask('GET', '/v1/schedules?label=suite:schedule');
  return schedules.find(({ name }) => name === NAME);
};

browse('a schedule is stored as it was previewed', {}, async (page) => {
  await signIn(page, main.key, '/console/schedules');
  await page.getByRole('link', { name: 'Write a schedule' }).click();
  await page.getByLabel('Name', { exact: true }).fill(NAME);
  await page.getByLabel('Times, as a cron expression').fill('every night');
  await page.getByLabel('Time zone').fill('Europe/Berlin');
  await page.getByLabel('Windows in which batches may begin').fill('sat sun 22:00-06:00');
  const job = { select: person(7), per_second: 100, labels: { suite: 'schedule' } };
  await page.getByLabel('Job, as JSON').fill(JSON.stringify(job));

  // A field that is wrong is named, and the others are kept.
  await page.getByRole('button', { name: 'Preview', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'cron' }).first().waitFor();
  await page.getByLabel('Times, as a cron expression').fill('0 3 * * *');
  await page.getByRole('button', { name: 'Preview', exact: true }).click();
  const preview = page.getByRole('region', { name: 'Preview', exact: true });
  await shows(preview, 'A run would erase now:');
  await preview.getByRole('img', { name: 'Runs in the next 14 days' }).waitFor();
  assert.equal(await stored(), undefined);

  await preview.getByRole('button', { name: 'Save as previewed' }).click();
  await page.waitForURL(`**/console/schedules/${NAME}`);
  const kept = await stored();
  assert.deepEqual([kept.cron, kept.time_zone, kept.paused], ['0 3 * * *', 'Europe/Berlin', false]);

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  assert.equal((await stored()).paused, true);
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  assert.equal((await stored()).paused, false);

  // Another name deletes nothing.
  await page.getByText('Delete this schedule').click();
  const typed = page.getByLabel(`Type ${NAME} to delete it`);
  await typed.fill('another');
  await page.getByRole('button', { name: 'Delete the schedule' }).click();
  await page.locator('#message:not(:empty)').waitFor();
  assert.ok(await stored());
  await typed.fill(NAME);
  await page.getByRole('button', { name: 'Delete the schedule' }).click();
  await page.waitForURL('**/console/schedules');
  assert.equal(await stored(), undefined);
});
