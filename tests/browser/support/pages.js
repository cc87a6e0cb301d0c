// Every page of the console, with something to see on it.

import { later, lost, main, person } from './service.js';

// The page before any session.
export const OUTSIDE = ['sign-in', '/console/sign-in'];

// The page of a path that is not there.
export const PROBLEM = 'problem';

// Returns the names and the paths of the pages of a session.
export const prepared = async () => {
  const marks = { reference: 'REQ-4711', labels: { team: 'privacy' } };
  const counted = await main.submit({ select: person(3), dry_run: true, ...marks });
  const refused = await main.submit({ select: person(4), limit: 1, ...marks });
  await main.submit({ select: person(5), not_before: later(), ...marks });
  const paced = await main.submit({ select: person(6), per_second: 20, ...marks });
  await main.ask('PUT', '/v1/schedules/yearly', {
    cron: '0 3 1 1 *',
    time_zone: 'Europe/Berlin',
    windows: [{ days: ['sat', 'sun'], from: '22:00', to: '06:00' }],
    job: { select: { query: { range: { updated_at: { lt: { ago: '3650d', as: 'seconds' } } } } }, per_second: 500 },
  });
  const kept = person(14);
  await main.ask('PUT', '/v1/holds/case-77', {
    persons: [kept.subject.user_id],
    ground: '17(3)(e)',
    by: 'Legal',
    reference: 'CASE-77',
  });
  const held = await main.submit({ select: kept, ...marks });
  await main.when(held, (job) => job.state === 'held');
  // Begun, and then still at work in all pictures.
  await main.when(paced, (job) => job.progress > 0.3);
  await main.ask('PATCH', `/v1/jobs/${paced}`, { per_second: 0.2 });
  await Promise.all([counted, refused].map((id) => main.ended(id)));
  // The API waits for the signature of a receipt.
  await main.ask('GET', `/v1/jobs/${refused}/receipt`);
  const { receipts } = await main.ask('GET', `/v1/receipts?job=${refused}`);
  const receipt = `/console/receipts/${receipts[0].id}`;
  return [
    ['overview', '/'],
    ['jobs', '/console/jobs'],
    ['jobs-failed', '/console/jobs?state=failed'],
    ['jobs-retry', '/console/jobs/retry?state=failed'],
    ['job-running', `/console/jobs/${paced}`],
    ['job-failed', `/console/jobs/${refused}`],
    ['job-counted', `/console/jobs/${counted}`],
    ['job-held', `/console/jobs/${held}`],
    ['new', '/console/new'],
    ['new-by-person', '/console/new?by=person'],
    ['new-by-query', '/console/new?by=query'],
    ['preview', `/console/new/${counted}`],
    ['schedules', '/console/schedules'],
    ['schedule', '/console/schedules/yearly'],
    ['write-schedule', '/console/write-schedule'],
    ['holds', '/console/holds'],
    ['hold', '/console/holds/case-77'],
    ['targets', '/console/targets'],
    ['workers', '/console/workers'],
    ['keys', '/console/keys'],
    ['key', '/console/keys/first'],
    ['audit', '/console/audit'],
    ['receipts', '/console/receipts'],
    ['receipt', receipt],
    ['certificate', `${receipt}/certificate`],
    ['log', '/console/log'],
    [PROBLEM, '/console/nothing'],
  ];
};

// Returns the pages of the service whose target has no vector store, with a job that waits for it.
export const stuck = async () => {
  const id = await lost.submit({ select: { subject: { user_id: 'ana' } } });
  await lost.when(id, (job) => job.waits_for?.store === 'vector');
  return [
    ['overview-stuck', '/'],
    ['job-stuck', `/console/jobs/${id}`],
    ['targets-stuck', '/console/targets'],
  ];
};
