// A job is slowed down and cancelled on its page, which stays open.

import assert from 'node:assert/strict';

import { browse, hasState, isSame, note, signIn } from './support/browser.js';
import { main, person } from './support/service.js';

browse('a job is cancelled, and the rest of its memories stays', {}, async (page) => {
  const id = await main.submit({ select: person(1), per_second: 2 });
  await signIn(page, main.key, `/console/jobs/${id}`);
  await note(page);
  await hasState(page, 'running');

  const pace = page.getByLabel('Memories a second, at most');
  assert.equal(Number(await pace.inputValue()), 2);
  await pace.fill('0.5');
  await page.getByRole('button', { name: 'Set pace' }).click();
  await main.when(id, (job) => job.per_second === 0.5);

  // Nothing is done until the question is answered.
  const cancel = page.getByRole('button', { name: 'Cancel the job' });
  assert.equal(await cancel.isVisible(), false);
  await page.getByText('Cancel this job').click();
  await cancel.click();
  await hasState(page, 'cancelled');
  assert.equal(await isSame(page), true, 'the page was loaded again');

  const job = await main.ended(id);
  const { left } = job.stores.find((store) => store.store === 'sql').counts;
  assert.equal(job.state, 'cancelled');
  assert.ok(left > 0, JSON.stringify(job));

  // The rest is still there for another attempt.
  await page.getByRole('button', { name: 'Retry' }).waitFor();
});
