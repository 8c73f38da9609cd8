// A real Chromium for tests of the portal, driven by playwright-core. Whatever a page complains about (an error on
// its console, an uncaught exception, a breach of the content security policy) fails the test that was running.

import assert from 'node:assert/strict';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { services } from './services.ts';

const START_LIMIT_MS = 30_000;
/** For one step on a page: generous, since two cores may be busy with other test files. */
const STEP_LIMIT_MS = 10_000;

/** No sandbox: it needs rights that containers and root do not have; the only pages opened are our own. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--no-first-run',
];

/** Asking who one is before signing in is answered with 401, which Chromium writes to the console as an error. */
const ALWAYS_FORGIVEN = [/status of 401 .* at \S+\/api\/me$/];

const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) =>
  console.error('Content security policy: ' + event.violatedDirective + ' forbids ' + event.blockedURI));`;

export interface Chromium {
  /** A page in a context of its own: nobody is signed in, nothing is stored. */
  visit(options?: BrowserContextOptions): Promise<Page>;
  /** From now until the next `settle`, complaints that match are as expected. */
  forgive(pattern: RegExp): void;
  /** Closes every page. Errors: when one complained since the last call. */
  settle(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Paths are relative to `server`. Errors: when Chromium is missing; look with `skipWithout('chromium')` first. */
export async function startChromium(server: string): Promise<Chromium> {
  const executablePath = services.chromium;
  if (executablePath === null) throw new Error('Chromium is not installed.');
  const browser: Browser = await chromium.launch({
    executablePath,
    args: ARGUMENTS,
    timeout: START_LIMIT_MS,
  });
  let complaints: string[] = [];
  let forgiven: RegExp[] = [];

  function listenTo(page: Page): void {
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      const { url } = message.location();
      complaints.push(`${message.text()}${url === '' ? '' : ` at ${url}`}`);
    });
    page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  }

  return {
    async visit(options = {}) {
      const context = await browser.newContext({
        baseURL: server,
        viewport: { width: 1440, height: 900 },
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
        reducedMotion: 'reduce',
        ...options,
      });
      context.setDefaultTimeout(STEP_LIMIT_MS);
      await context.addInitScript(REPORT_VIOLATIONS);
      context.on('page', listenTo);
      return context.newPage();
    },
    forgive(pattern) {
      forgiven.push(pattern);
    },
    async settle() {
      for (const context of browser.contexts()) await context.close();
      const allowed = [...ALWAYS_FORGIVEN, ...forgiven];
      const serious = complaints.filter((line) => !allowed.some((pattern) => pattern.test(line)));
      complaints = [];
      forgiven = [];
      assert.deepEqual(serious, [], 'a page complained');
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}
