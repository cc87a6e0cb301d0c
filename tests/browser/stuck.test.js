// The console alone tells why a job is stuck, and the remedy.

import { browse, shows, signIn } from './support/browser.js';
import { lost } from './support/service.js';

browse('a vector store that is down is named with its remedy, from the overview on', { service: lost }, async (page) => {
  const id = await lost.submit({ select: { subject: { user_id: 'ana' } } });
  await lost.when(id, (job) => job.waits_for?.store === 'vector');
  await signIn(page, lost.key);
  const needs = page.getByRole('region', { name: 'Needs attention' });
  await shows(needs, /No worker reaches the vector store of lost.*Waiting for it: 1 job/);
  await shows(needs, 'Start the store, or restore the network between it and the workers.');

  await page.goto(`/console/jobs/${id}`);
  const progress = page.getByRole('region', { name: 'Progress', exact: true });
  await shows(progress, /The vector store of lost has not answered.* nothing is lost\./);
  await shows(progress, 'unavailable');
  await shows(progress, 'Start the store, or restore the network between it and the workers.');
});

browse('a paused target is named on the page of its job for as long as it is paused', { service: lost }, async (page) => {
  await signIn(page, lost.key, '/console/targets');
  await page.getByRole('button', { name: 'Pause lost' }).click();
  await page.getByRole('button', { name: 'Resume lost' }).waitFor();
  const id = await lost.submit({ select: { subject: { user_id: 'ben' } } });
  await page.goto(`/console/jobs/${id}`);
  const progress = page.getByRole('region', { name: 'Progress', exact: true });
  await shows(progress, 'Lift the pause when the work may go on.');

  await page.goto('/console/targets');
  await page.getByRole('button', { name: 'Resume lost' }).click();
  await lost.when(id, (job) => job.waits_for?.reason === 'store');
  await page.goto(`/console/jobs/${id}`);
  await shows(progress, 'Start the store');
});
