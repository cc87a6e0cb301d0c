// A hold keeps a person's memories. Its release lets the waiting job erase them.

import assert from 'node:assert/strict';

import { browse, hasState, isSame, note, shows, signIn } from './support/browser.js';
import { main, person } from './support/service.js';

const NAME = 'suite-hold';

// `tests/python/browser.py` has written these.
const SELECT = person(13);
const PERSON = SELECT.subject.user_id;
const MEMORIES = 60;

// Returns the number of memories with an outcome, in each store.
const counted = (job, outcome) => job.stores.map((store) => store.counts[outcome]);

// Places the hold with the form.
const place = async (page) => {
  await page.getByLabel('Name', { exact: true }).fill(NAME);
  await page.getByLabel('Of these persons, one a line').fill(PERSON);
  await page.getByLabel('Ground', { exact: true }).selectOption('17(3)(e)');
  await page.getByLabel('Demanded by').fill('Legal');
  await page.getByRole('button', { name: 'Place the hold' }).click();
  await shows(page.locator('#placed'), /is in force/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'placed');
};

// Releases the hold after a wrong name was typed.
const release = async (page) => {
  await page.getByText('Release this hold').click();
  const typed = page.getByLabel(`Type ${NAME} to release it`);
  await typed.fill('another');
  await page.getByRole('button', { name: 'Release the hold' }).click();
  await page.locator('#message:not(:empty)').waitFor();
  assert.equal((await main.ask('GET', `/v1/holds/${NAME}`)).released_at, null);
  await typed.fill(NAME);
  await page.getByRole('button', { name: 'Release the hold' }).click();
  await page.locator('#facts .state', { hasText: 'released' }).waitFor();
};

browse('a hold is placed by person, keeps its memories, and lets them go with its release', {}, async (page) => {
  await signIn(page, main.key);
  await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Holds' }).click();
  await place(page);

  const id = await main.submit({ select: SELECT });
  const held = await main.when(id, (job) => job.state === 'held');
  assert.deepEqual(counted(held, 'held'), [MEMORIES, MEMORIES]);
  await page.goto(`/console/jobs/${id}`);
  await hasState(page, 'held');
  const progress = page.getByRole('region', { name: 'Progress', exact: true });
  await progress.getByRole('link', { name: NAME, exact: true }).click();

  // The person is hidden until somebody asks, and the audit trail notes that.
  await page.waitForURL(`**/console/holds/${NAME}`);
  await note(page);
  assert.equal((await page.content()).includes(PERSON), false, 'the person is shown');
  await page.getByRole('button', { name: 'Show the persons' }).click();
  await shows(page.locator('#selection'), PERSON);
  const { events } = await main.ask('GET', '/v1/audit?act=hold.read');
  assert.ok(events.some((event) => event.object_id === NAME), JSON.stringify(events));
  await release(page);
  assert.equal(await isSame(page), true, 'the page was loaded again');

  await page.goto(`/console/jobs/${id}`);
  await hasState(page, 'succeeded');
  assert.deepEqual(counted(await main.ended(id), 'erased'), [MEMORIES, MEMORIES]);
  assert.equal((await page.content()).includes(PERSON), false, 'the person is shown');
});
