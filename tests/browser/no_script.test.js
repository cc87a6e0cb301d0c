// Everything except movement works without JavaScript: reading, filters, forms.

import assert from 'node:assert/strict';

import { browse, hasState, shows, signIn } from './support/browser.js';
import { later, main } from './support/service.js';

// Waits for the page that follows a form.
const sent = (page, button) => Promise.all([page.waitForEvent('load'), button.click()]);

const WITHOUT = { javaScriptEnabled: false };

browse('lists are filtered and a job is read without JavaScript', WITHOUT, async (page) => {
  const labels = { suite: 'no-script' };
  const id = await main.submit({ select: { ids: ['00000000-0000-4000-8000-000000000001'] }, labels, dry_run: true });
  const other = await main.submit({ select: { ids: ['00000000-0000-4000-8000-000000000002'] }, dry_run: true });
  await main.ended(id);
  await signIn(page, main.key, '/console/jobs');
  await page.getByLabel('Label', { exact: true }).fill('suite:no-script');
  await sent(page, page.getByRole('button', { name: 'Filter' }));
  const rows = page.getByRole('rowheader');
  assert.deepEqual(await rows.allTextContents(), [id]);
  assert.equal(await page.getByText(other).count(), 0);
  await page.getByRole('link', { name: id }).click();
  await hasState(page, 'succeeded');
  await shows(page, 'no-script');
});

browse('a job is paced and cancelled without JavaScript', WITHOUT, async (page) => {
  const id = await main.submit({ select: { ids: ['00000000-0000-4000-8000-000000000003'] }, not_before: later() });
  await signIn(page, main.key, `/console/jobs/${id}`);
  await page.getByLabel('Memories a second, at most').fill('7.5');
  await sent(page, page.getByRole('button', { name: 'Set pace' }));
  assert.equal(await page.getByLabel('Memories a second, at most').inputValue(), '7.5');
  await page.getByText('Cancel this job').click();
  await sent(page, page.getByRole('button', { name: 'Cancel the job' }));
  assert.equal((await main.ended(id)).state, 'cancelled');
  await page.reload();
  await hasState(page, 'cancelled');
});
