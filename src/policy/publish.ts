// Policies in the store and in force. A set is checked whole before anything is written, so an invalid one leaves
// the old in force; every process holds the set in force compiled, and looks again when told or when polling.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RawBuilder, sql } from 'kysely';
import { append, type Entry, SYSTEM_ACTOR } from '../audit/append.ts';
import { digestOf } from '../base/canonical-json.ts';
import { conflict, Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { type CompiledPolicies, compilePolicies } from './engine/compile.ts';
import { permittedOnPlatform } from './engine/decide.ts';
import type { Decided, DecisionFacts, Permission, PlatformFacts } from './engine/facts.ts';

export type PolicyFiles = Record<string, string>;

/**
 * Puts a whole set in force, in one transaction with its audit entry. The set that is in force already changes
 * nothing. `by` is null for Sallyport itself; a `publisher` must still be one under the new set, so that nobody
 * locks everybody out by mistake. Errors: `policy-invalid`, listing every mistake; `would-lock-out`.
 */
export async function publishPolicies(
  ctx: { db: Db },
  input: { files: PolicyFiles; by: Entry['actor'] | null; publisher?: PlatformFacts },
): Promise<{ digest: string }> {
  const compiled = compilePolicies(input.files);
  const { digest } = compiled;
  if (
    input.publisher !== undefined &&
    !permittedOnPlatform(compiled, 'changePolicy', input.publisher).allowed
  ) {
    throw conflict(
      'would-lock-out',
      'Under these policies you could not change policies any more; nothing was changed.',
      {
        hint: 'Keep a permit for Action::"changePolicy" that holds for you.',
      },
    );
  }
  await ctx.db.transaction().execute(async (trx) => {
    // Two publishers at once take turns; the later one wins.
    await sql`lock table policy_sets in share row exclusive mode`.execute(trx);
    const before = await trx
      .selectFrom('policy_sets')
      .select(['id', 'digest'])
      .where('in_force', '=', true)
      .executeTakeFirst();
    if (before?.digest === digest) return;
    await trx.updateTable('policy_sets').set({ in_force: false }).where('in_force', '=', true).execute();
    const id = newId('policySet');
    await trx
      .insertInto('policy_sets')
      .values({
        id,
        digest,
        files: JSON.stringify(input.files),
        published_by: input.by?.id ?? null,
        in_force: true,
      })
      .execute();
    await append(trx, {
      kind: 'policy.published',
      actor: input.by ?? SYSTEM_ACTOR,
      sourceAddress: input.publisher?.context.sourceIp,
      policyDigest: digest,
      detail: {
        digest,
        previousDigest: before?.digest ?? null,
        policies: compiled.rules.length,
        files: Object.fromEntries(Object.entries(input.files).map(([name, text]) => [name, digestOf(text)])),
      },
    });
    await publish(trx, { topic: 'policies', id });
  });
  return { digest };
}

/** A new installation begins with the starter set: rights over Sallyport itself, and nothing on any target. */
export async function publishStarter(ctx: { db: Db }): Promise<void> {
  const present = await ctx.db.selectFrom('policy_sets').select('id').limit(1).executeTakeFirst();
  if (present !== undefined) return;
  const text = readFileSync(join(import.meta.dirname, 'starter.cedar'), 'utf8');
  await publishPolicies(ctx, { files: { 'sallyport.cedar': text }, by: null });
}

export interface Policies {
  /** The set in force, compiled. Errors: `policies-not-loaded` before the first `refresh`. */
  current(): CompiledPolicies;
  /** True while nobody has published anything over the starter set. */
  isStarter(): Promise<boolean>;
  /** The files of the set in force. Errors as `current`. */
  files(): PolicyFiles;
  /**
   * Looks whether another set is in force now. Errors: those of the store; `no-policies` where none was ever
   * published; `policy-invalid` for a stored set that this version refuses. The set held before stays in force.
   */
  refresh(): Promise<void>;
}

/** One for each process; call `refresh` at start, on the event `policies`, and every few seconds. */
export function createPolicies(ctx: { db: Db; log: Logger }): Policies {
  let held: { compiled: CompiledPolicies; files: PolicyFiles } | null = null;
  const holding = () => {
    if (held !== null) return held;
    throw new Failure(
      'unavailable',
      'policies-not-loaded',
      'The policies are not loaded yet; try again shortly.',
    );
  };
  return {
    current: () => holding().compiled,
    files: () => holding().files,
    async isStarter() {
      const { count } = await ctx.db
        .selectFrom('policy_sets')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count <= 1;
    },
    async refresh() {
      const row = await ctx.db
        .selectFrom('policy_sets')
        .select('digest')
        .where('in_force', '=', true)
        .executeTakeFirst();
      if (row === undefined) {
        throw new Failure('unavailable', 'no-policies', 'No policies are in force.', {
          hint: 'Publish some with `sally policy apply`.',
        });
      }
      if (held?.compiled.digest === row.digest) return;
      const files = await policyFilesByDigest(ctx.db, row.digest);
      if (files === null) return; // replaced between the two reads: the next look finds the newer one
      held = { compiled: compilePolicies(files), files };
      ctx.log.info({ digest: row.digest, policies: held.compiled.rules.length }, 'policies in force');
    },
  };
}

/** The files of a set that is or was in force, or null. */
export async function policyFilesByDigest(db: Db | Trx, digest: string): Promise<PolicyFiles | null> {
  const row = await db
    .selectFrom('policy_sets')
    .select('files')
    .where('digest', '=', digest)
    .orderBy('published_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.files ?? null;
}

export interface StoredDecision {
  requestId?: string | undefined;
  grantId?: string | undefined;
  /** What was being done: `approve` and `extend` store the request's decision, made again. */
  action: 'request' | 'approve' | 'extend' | 'connect';
  policyDigest: string;
  facts: DecisionFacts;
  decided:
    | Pick<Decided, 'outcome' | 'reasons' | 'obligations'>
    | Pick<Permission, 'allowed' | 'reasons' | 'obligations'>;
}

/** Keeps a decision whole, with the facts that it was made from. Returns its id. */
export async function storeDecision(trx: Trx, stored: StoredDecision): Promise<string> {
  const { id, insert } = decisionInsert(stored);
  await insert.execute(trx);
  return id;
}

/** The same as an INSERT that is not executed yet, for an act that is one larger statement. */
export function decisionInsert(stored: StoredDecision): { id: string; insert: RawBuilder<unknown> } {
  const { decided } = stored;
  const id = newId('decision');
  const outcome = 'outcome' in decided ? decided.outcome : decided.allowed ? 'allow' : 'deny';
  return {
    id,
    insert: sql`insert into decisions
        (id, request_id, grant_id, action, outcome, policy_digest, facts, reasons, obligations)
      values (${id}, ${stored.requestId ?? null}, ${stored.grantId ?? null}, ${stored.action}, ${outcome},
        ${stored.policyDigest}, ${JSON.stringify(stored.facts)}, ${JSON.stringify(decided.reasons)},
        ${JSON.stringify(decided.obligations)})`,
  };
}
