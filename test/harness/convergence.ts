// What must be true whenever nothing is under way, after any crash: every grant is where it should be, the logins on
// the target are the active grants, nothing more and nothing less, and the log verifies.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, grant } from '../../src/api/grants.ts';
import { pageOf } from '../../src/api/text.ts';
import { verifyStore } from '../../src/audit/export.ts';
import { openLogKey } from '../../src/audit/keys.ts';
import { openStore } from '../../src/db/client.ts';
import type { Sallyport } from './sallyport.ts';

/** lifecycle.md, "Fault tests". */
export const CONVERGENCE_LIMIT_MS = 60_000;
const LOOK_MS = 100;
const grants = pageOf(grant);

type Where = Pick<Sallyport, 'storeUrl' | 'adminUrl' | 'dataFolder'>;

export interface StoredGrant {
  id: string;
  login: string;
  wanted: 'present' | 'absent';
  observed: 'unknown' | 'present' | 'inert' | 'absent';
}

/** Waits for it; gives how long it took, in ms. Errors: AssertionError that says what is still wrong. */
export async function converge(where: Where, limitMs: number = CONVERGENCE_LIMIT_MS): Promise<number> {
  const startedAt = performance.now();
  let wrong: string[] = [];
  do {
    wrong = await whatIsWrong(where);
    if (wrong.length === 0) return performance.now() - startedAt;
    await delay(LOOK_MS);
  } while (performance.now() - startedAt < limitMs);
  return assert.fail(`not within ${limitMs / 1000} s:\n  ${wrong.join('\n  ')}`);
}

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
    await delay(LOOK_MS);
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

async function whatIsWrong(where: Where): Promise<string[]> {
  const stored = await storedGrants(where);
  const unsettled = stored.filter(({ wanted, observed }) => observed !== wanted);
  if (unsettled.length > 0)
    return unsettled.map(({ id, wanted, observed }) => `${id} is wanted ${wanted} and ${observed}`);
  const expected = new Set(stored.filter(({ wanted }) => wanted === 'present').map(({ login }) => login));
  const there = new Set(await loginsOnTarget(where));
  return [
    ...[...there]
      .filter((login) => !expected.has(login))
      .map((login) => `${login} is on the target without an active grant`),
    ...[...expected]
      .filter((login) => !there.has(login))
      .map((login) => `${login} is active and not on the target`),
  ];
}

/** The rows themselves. */
export async function storedGrants({ storeUrl }: Pick<Sallyport, 'storeUrl'>): Promise<StoredGrant[]> {
  return select<StoredGrant>(storeUrl(), 'select id, login, wanted, observed from grants order by id');
}

/** Logins of grants, by the target's own word. */
export async function loginsOnTarget({ adminUrl }: Pick<Sallyport, 'adminUrl'>): Promise<string[]> {
  const rows = await select<{ rolname: string }>(
    adminUrl(),
    "select rolname from pg_roles where rolname like 'sp\\_0%' order by rolname",
  );
  return rows.map(({ rolname }) => rolname);
}

/** Errors: AssertionError with what the verification says. */
export async function logVerifies({ storeUrl, dataFolder }: Where): Promise<void> {
  const db = openStore({ connectionString: storeUrl(), poolSize: 2, onError: () => undefined });
  try {
    const [row] = await db.selectFrom('installation').select('id').execute();
    const verifier = await openLogKey(dataFolder, row?.id ?? '');
    // Whoever trusts the first key follows by the last checkpoint that each key signed before the next.
    const later = await db.selectFrom('log_keys').select('from_size').where('from_size', '>', 0).execute();
    const handovers = later.flatMap(({ from_size: size }) => (size === null ? [] : [size - 1]));
    const verified = await verifyStore(db, { dataFolder, verifier, handovers });
    assert.equal(verified.ok, true, JSON.stringify(verified));
  } finally {
    await db.destroy();
  }
}

async function select<R extends pg.QueryResultRow>(url: string, text: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}
