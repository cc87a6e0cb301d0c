// Signing in and out.

import assert from 'node:assert/strict';

import { browse, shows, signIn } from './support/browser.js';
import { main } from './support/service.js';

browse('signing in leads to the page that was asked for, and signing out ends the session', {}, async (page) => {
  await signIn(page, main.key, '/console/jobs?state=failed');
  assert.equal(new URL(page.url()).pathname, '/console/jobs');
  assert.equal(await page.getByLabel('State', { exact: true }).inputValue(), 'failed');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key or token').waitFor();
  await page.goto('/console/jobs');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
});

browse('wrong credentials are refused beside their field', {}, async (page) => {
  await page.goto('/');
  const field = page.getByLabel('API key or token');
  await field.fill('lethe_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#refused[role=alert]').waitFor();
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.equal(await field.inputValue(), '');
});

browse('the keyboard is enough', {}, async (page) => {
  await page.goto('/');
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  assert.equal(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().left >= 0), true);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('Tab');
  await page.keyboard.type(main.key);
  await page.keyboard.press('Enter');
  await shows(page, 'Signed in as');
});

browse('no script of the page reads the session', {}, async (page) => {
  await signIn(page);
  const cookies = await page.context().cookies();
  const kept = cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }));
  assert.deepEqual(kept, [{ httpOnly: true, sameSite: 'Strict' }]);
  assert.equal(await page.evaluate(() => document.cookie), '');
});
