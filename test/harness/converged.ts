// After a crash: a target holds what the live grants say, nothing more and nothing less.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type Grant, grant } from '../../src/api/grants.ts';
import { pageOf } from '../../src/api/text.ts';
import type { Sallyport } from './sallyport.ts';

export const CONVERGENCE_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 200;

const grants = pageOf(grant);

/**
 * The live grants, once all are active and each list that `look` gives, by the target's own word, is their logins.
 * Errors: AssertionError that says what is still wrong after 60 s.
 */
export async function converged(
  sallyport: Sallyport,
  round: number,
  look: () => Promise<Readonly<Record<string, string[]>>>,
): Promise<Grant[]> {
  const endsAt = performance.now() + CONVERGENCE_LIMIT_MS;
  let seen = '';
  while (performance.now() < endsAt) {
    const live = await liveGrants(sallyport);
    const expected = JSON.stringify(live.map(({ login }) => login).sort());
    const there = await look();
    const same = Object.values(there).every((logins) => JSON.stringify([...logins].sort()) === expected);
    if (same && live.every(({ state }) => state === 'active')) return live;
    seen = JSON.stringify({ grants: live.map(({ login, state }) => [login, state]), ...there });
    await delay(LOOK_EVERY_MS);
  }
  return assert.fail(`round ${round} did not converge: ${seen}`);
}

async function liveGrants(sallyport: Sallyport): Promise<Grant[]> {
  const all: Grant[] = [];
  let cursor = '';
  do {
    const page = await sallyport.ask('admin', 'GET', `/api/grants?state=live&limit=200${cursor}`, grants);
    all.push(...page.items);
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  return all;
}
