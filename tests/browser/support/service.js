// The service under test, over its API: the tests prepare and check with it, apart from the browser.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

// How long anything may take before it counts as lost.
export const PATIENCE = 30_000;

// Waits until something is so. Returns it.
export const until = async (isSo, seen = () => '') => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    assert.ok(Date.now() < end, `it did not become so: ${seen()}`);
    await sleep(50);
  }
};

// A service that runs, as `tests/python/browser.py` tells.
export class Service {
  constructor(url, key) {
    Object.assign(this, { url, key });
  }

  async ask(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  // Returns the id of a new job.
  async submit(deletion) {
    return (await this.ask('POST', '/v1/jobs', deletion)).id;
  }

  // Waits until a job is as wanted. Returns it.
  when(id, isSo) {
    let job;
    const read = async () => {
      job = await this.ask('GET', `/v1/jobs/${id}`);
      return isSo(job) && job;
    };
    return until(read, () => JSON.stringify(job));
  }

  ended(id) {
    return this.when(id, (job) => job.ended_at);
  }
}

const { LETHE_URL, LETHE_KEY, LETHE_LOST_URL, LETHE_LOST_KEY } = process.env;

// With the embedded stores.
export const main = new Service(LETHE_URL, LETHE_KEY);

// Its target's vector store is down.
export const lost = new Service(LETHE_LOST_URL, LETHE_LOST_KEY);

// Everything of a person whose memories `tests/python/browser.py` has written, one of fourteen. Each test has its own.
export const person = (number) => ({ subject: { user_id: `person-${number}@example.com` } });

// The start of a job that waits for as long as the tests run.
export const later = () => new Date(Date.now() + 3_600_000).toISOString();
