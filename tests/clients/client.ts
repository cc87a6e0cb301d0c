// Submits, watches, changes and cancels jobs with the client that is generated from /openapi.json. Prints what it saw as JSON.

import { cancelJob, changeJob, createJob, getJob, watchJob, type Job } from './generated';
import { client } from './generated/client.gen';

declare const process: { argv: string[]; env: Record<string, string | undefined> };

client.setConfig({ baseUrl: process.env.LETHE_URL, auth: () => process.env.LETHE_KEY, throwOnError: true });

// Returns the last version of a job, once it has ended.
async function watched(id: string): Promise<Job> {
  const { stream } = await watchJob({ path: { id }, headers: { 'Last-Event-ID': 0 }, sseMaxRetryAttempts: 1 });
  let last: Job | undefined;
  for await (const event of stream) {
    // The whole stream would be a text; an event of it is a job.
    if (event && typeof event === 'object') last = event;
  }
  if (!last) throw new Error('no event came');
  return last;
}

async function main() {
  const [person, ...ids] = process.argv.slice(2);
  const submitted = await createJob({ body: { select: { ids } }, throwOnError: true });
  const erased = await watched(submitted.data.id);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const waiting = await createJob({ body: { select: { ids }, not_before: later }, throwOnError: true });
  await cancelJob({ path: { id: waiting.data.id }, throwOnError: true });
  const cancelled = await watched(waiting.data.id);
  const read = await getJob({ path: { id: waiting.data.id }, throwOnError: true });
  const select = { subject: { user_id: person } };
  const changed = await createJob({ body: { select, not_before: later }, throwOnError: true });
  const path = { id: changed.data.id };
  const paced = await changeJob({ path, body: { per_second: 5 }, throwOnError: true });
  const extended = await changeJob({ path, body: { extend: { reason: 'complexity' } }, throwOnError: true });
  await cancelJob({ path, throwOnError: true });
  console.log(
    JSON.stringify([
      erased.state,
      cancelled.state,
      read.data.state,
      paced.data.per_second,
      extended.data.deadline?.extension,
    ]),
  );
}

main();
