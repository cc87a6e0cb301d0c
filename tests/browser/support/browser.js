// Pages of a real browser. A breach of the pages' policy, an error of their script, or a request to another host fails the test.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { main, PATIENCE } from './service.js';

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 812 };

// The devices and color schemes of every page.
export const LOOKS = [
  ['desktop-light', { viewport: DESKTOP, colorScheme: 'light' }],
  ['desktop-dark', { viewport: DESKTOP, colorScheme: 'dark' }],
  ['phone', { viewport: PHONE, colorScheme: 'light', deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
];

// A refused form is a page, which the browser reports as an error.
const USUAL = /^Failed to load resource: the server responded with a status of 4/;

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.LETHE_TEST_CHROMIUM,
    args: [
      '--disable-gpu',
      // A container has little shared memory.
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

after(() => browser?.close());

// Returns the list of breaches in all pages of a context. It grows.
const watched = (context, origin) => {
  const breaches = [];
  context.on('console', (message) => {
    if (message.type() === 'error' && !USUAL.test(message.text())) breaches.push(message.text());
  });
  context.on('weberror', (error) => breaches.push(String(error.error())));
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) breaches.push(`a request to ${url.origin}`);
  });
  return breaches;
};

// Opens a page with cookies of its own.
export const opened = async ({ service = main, ...options } = {}) => {
  const context = await browser.newContext({ baseURL: service.url, viewport: DESKTOP, locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(PATIENCE);
  const breaches = watched(context, new URL(service.url).origin);
  return { page: await context.newPage(), breaches, close: () => context.close() };
};

// A test with a page. What the page did wrong fails it, even if the test itself passes.
export const browse = (name, options, run) =>
  test(name, { timeout: 2 * PATIENCE }, async () => {
    const { page, breaches, close } = await opened(options);
    try {
      await run(page);
      assert.deepEqual(breaches, []);
    } catch (error) {
      // A breach is often the reason why a test waits for too long.
      error.message += `\nat ${page.url()}, breaches: ${JSON.stringify(breaches)}`;
      throw error;
    } finally {
      await close();
    }
  });

// Signs in at the page that a path leads to.
export const signIn = async (page, key = main.key, path = '/') => {
  await page.goto(path);
  await page.getByLabel('API key or token').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
};

// Waits until a text is on the page.
export const shows = (within, text) => within.getByText(text).first().waitFor();

// The state of the job whose page is open.
export const hasState = (page, state) => page.locator(`#progress .state.${state}`).waitFor();

// Notes the document: `isSame` says later whether the page was never loaded again.
export const note = (page) => page.evaluate(() => document.documentElement.setAttribute('data-noted', ''));
export const isSame = (page) => page.evaluate(() => document.documentElement.hasAttribute('data-noted'));
