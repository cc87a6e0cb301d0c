// A key that only reads: its secret is shown once, its owner sees no acts, and revoking it ends the session.

import assert from 'node:assert/strict';

import { browse, hasState, opened, shows, signIn } from './support/browser.js';
import { later, main, person } from './support/service.js';

const NAME = 'suite-reader';

// Checks that a session with the key reads a job, and controls nothing.
const checkReader = async (page, id) => {
  await page.goto(`/console/jobs/${id}`);
  await hasState(page, 'queued');
  await shows(page, 'There is nothing to do here now, or your credentials do not control this job.');
  assert.equal(await page.getByText('Cancel this job').count(), 0);
  assert.equal(await page.getByRole('navigation', { name: 'Pages', exact: true }).getByText('Keys').count(), 0);
};

browse('a key is created for reading, used and revoked', {}, async (page) => {
  const id = await main.submit({ select: person(8), not_before: later() });
  await signIn(page, main.key, '/console/keys');
  await page.getByRole('link', { name: 'read only' }).click();
  assert.equal(await page.getByRole('checkbox', { name: /^jobs:read/ }).isChecked(), true);
  assert.equal(await page.getByRole('checkbox', { name: /^jobs:admin/ }).isChecked(), false);
  await page.getByLabel('Name', { exact: true }).fill(NAME);
  await page.getByRole('button', { name: 'Create the key' }).click();
  const secret = await page.getByLabel('API key', { exact: true }).inputValue();
  assert.match(secret, /^lethe_/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'made');
  await page.reload();
  assert.equal((await page.content()).includes(secret), false, 'the secret is shown twice');

  const reader = await opened();
  try {
    await signIn(reader.page, secret);
    await checkReader(reader.page, id);

    await page.getByRole('link', { name: NAME }).click();
    const typed = page.getByLabel(`Type ${NAME}`);
    await typed.fill('another');
    await page.getByRole('button', { name: 'Revoke the key' }).click();
    await page.locator('#message:not(:empty)').waitFor();
    await reader.page.reload();
    await hasState(reader.page, 'queued');

    await typed.fill(NAME);
    await page.getByRole('button', { name: 'Revoke the key' }).click();
    await page.waitForURL('**/console/keys');
    assert.equal(await page.getByRole('link', { name: NAME }).count(), 0);
    await reader.page.reload();
    await reader.page.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.deepEqual(reader.breaches, []);
  } finally {
    await reader.close();
  }
});
