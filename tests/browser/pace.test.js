// The page of a running job: the slider of its pace, values that are not sent yet, and the plot of its speed.

import assert from 'node:assert/strict';

import { browse, hasState, isSame, note, signIn } from './support/browser.js';
import { later, main, person } from './support/service.js';

const waiting = () => main.submit({ select: { ids: ['00000000-0000-4000-8000-000000000009'] }, not_before: later() });

const fieldOf = (page) => page.getByLabel('Memories a second, at most');

// Waits until the page has the answer to a form, or has been read again.
const hasPace = (page, pace) => page.locator(`#per_second[value="${pace}"]`).waitFor();

browse('a slider sets the field of the pace, and follows it', {}, async (page) => {
  const id = await waiting();
  await signIn(page, main.key, `/console/jobs/${id}`);
  await note(page);
  const slider = page.getByRole('slider', { name: 'Pace' });
  const field = fieldOf(page);
  const said = () => slider.getAttribute('aria-valuetext');
  assert.equal(await said(), 'no limit');
  await slider.press('Home');
  assert.equal(await field.inputValue(), '1');
  await slider.press('ArrowRight');
  assert.deepEqual([await field.inputValue(), await said()], ['2', '2 a second']);
  await field.fill('300');
  assert.deepEqual([await slider.inputValue(), await said()], ['8', '300 a second']);

  const set = page.getByRole('button', { name: 'Set pace' });
  await set.click();
  await hasPace(page, '300');
  assert.equal((await main.ask('GET', `/v1/jobs/${id}`)).per_second, 300);
  await slider.press('End');
  assert.equal(await field.inputValue(), '');
  await set.click();
  await hasPace(page, '');
  assert.equal((await main.ask('GET', `/v1/jobs/${id}`)).per_second, null);
  assert.equal(await isSame(page), true, 'the page was loaded again');
});

browse('a pace that is not sent yet stays when the page is read again', {}, async (page) => {
  const id = await waiting();
  await signIn(page, main.key, `/console/jobs/${id}`);
  const field = fieldOf(page);
  await field.fill('7');
  await field.blur();
  await main.ask('PATCH', `/v1/jobs/${id}`, { per_second: 9 });
  await hasPace(page, '9');
  assert.equal(await field.inputValue(), '7');
});

browse('a choice that is not sent yet stays when the page is read again', {}, async (page) => {
  const id = await main.submit({ select: person(9), not_before: later() });
  await signIn(page, main.key, `/console/jobs/${id}`);
  await page.locator('#extend > summary').click();
  const reason = page.locator('#reason');
  await reason.selectOption('number_of_requests');
  await reason.blur();
  await main.ask('PATCH', `/v1/jobs/${id}`, { per_second: 9 });
  await hasPace(page, '9');
  assert.equal(await reason.inputValue(), 'number_of_requests');
});

browse('a pace that was sent is read again', {}, async (page) => {
  const id = await waiting();
  await signIn(page, main.key, `/console/jobs/${id}`);
  const field = fieldOf(page);
  await field.fill('7');
  // The field keeps the focus.
  await field.press('Enter');
  await main.when(id, (job) => job.per_second === 7);
  await hasPace(page, '7');
  await field.blur();
  await main.ask('PATCH', `/v1/jobs/${id}`, { per_second: 9 });
  await hasPace(page, '9');
  assert.equal(Number(await field.inputValue()), 9);
});

browse('the page of a job plots its memories a second until its end', {}, async (page) => {
  const id = await main.submit({ select: person(9), per_second: 6 });
  await signIn(page, main.key, `/console/jobs/${id}`);
  await note(page);
  const plot = page.getByRole('img', { name: /^Memories a second/ });
  await plot.waitFor();
  await hasState(page, 'succeeded');
  // The description of the plot is read aloud, and not drawn.
  await page.locator('#progress desc').filter({ hasText: 'on average' }).first().waitFor({ state: 'attached' });
  assert.match(await plot.locator('polyline').getAttribute('points'), /^0\.0,/);
  assert.equal(await isSame(page), true, 'the page was loaded again');
});
