// Policies in the store and in force. A set is checked whole before anything is written, so an invalid one leaves
// the old in force; every process holds the set in force compiled, and looks again when told or when polling.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RawBuilder, sql } from 'kysely';
import { append, type Entry, SYSTEM_ACTOR } from '../audit/append.ts';
import { digestOf } from '../base/canonical-json.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { compileAside } from './engine/compile-aside.ts';
import type { Decided, DecisionFacts, Permission } from './engine/facts.ts';

export type PolicyFiles = Record<string, string>;

/** What happens to live grants that the new set would not give any more and does not forbid. */
export type LiveGrants = 'end' | 'run-out';

/** Who put a set in force: two people, or one while no other could sign. */
export interface Signed {
  proposalId: string;
  proposer: Entry['actor'];
  signer: Entry['actor'];
  signerId: string;
  sourceAddress: string;
  /** One person alone, because nobody else could have signed. */
  sole: boolean;
  liveGrants: LiveGrants;
}

/** Changes of the set in force take turns: the lock holds until the transaction ends. */
export async function lockPolicySets(trx: Trx): Promise<{ id: string; digest: string } | undefined> {
  await sql`lock table policy_sets in share row exclusive mode`.execute(trx);
  return trx
    .selectFrom('policy_sets')
    .select(['id', 'digest'])
    .where('in_force', '=', true)
    .executeTakeFirst();
}

/**
 * Puts a set in force with its audit entry, in the caller's transaction. The set that is in force already changes
 * nothing. `signed` is null for Sallyport itself, which does so only where nobody has published anything yet.
 * Returns the set's id, or null when nothing changed.
 */
export async function putInForce(
  trx: Trx,
  input: { compiled: CompiledPolicies; files: PolicyFiles; signed: Signed | null },
): Promise<string | null> {
  const { compiled, files, signed } = input;
  const { digest } = compiled;
  const before = await lockPolicySets(trx);
  if (before?.digest === digest) return null;
  await trx.updateTable('policy_sets').set({ in_force: false }).where('in_force', '=', true).execute();
  const id = newId('policySet');
  await trx
    .insertInto('policy_sets')
    .values({
      id,
      digest,
      files: JSON.stringify(files),
      published_by: signed?.signerId ?? null,
      in_force: true,
      proposal_id: signed?.proposalId ?? null,
      live_grants: signed?.liveGrants ?? 'end',
    })
    .execute();
  await append(trx, {
    kind: 'policy.published',
    actor: signed?.signer ?? SYSTEM_ACTOR,
    sourceAddress: signed?.sourceAddress,
    policyDigest: digest,
    detail: {
      digest,
      previousDigest: before?.digest ?? null,
      policies: compiled.rules.length,
      files: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, digestOf(text)])),
      ...(signed === null
        ? {}
        : {
            proposalId: signed.proposalId,
            proposedBy: signed.proposer,
            signatures: signed.sole ? 1 : 2,
            soleSigner: signed.sole,
            liveGrants: signed.liveGrants,
          }),
    },
  });
  await publish(trx, { topic: 'policies', id });
  return id;
}

/**
 * Sallyport's own sets: the starter set and the demo's. People change policy by proposals, which two of them sign.
 * Errors: `policy-invalid`, listing every mistake.
 */
export async function publishPolicies(
  ctx: { db: Db },
  input: { files: PolicyFiles },
): Promise<{ digest: string }> {
  const compiled = await compileAside(input.files);
  await ctx.db
    .transaction()
    .execute((trx) => putInForce(trx, { compiled, files: input.files, signed: null }));
  return { digest: compiled.digest };
}

/** A new installation begins with the starter set: rights over Sallyport itself, and nothing on any target. */
export async function publishStarter(ctx: { db: Db }): Promise<void> {
  const present = await ctx.db.selectFrom('policy_sets').select('id').limit(1).executeTakeFirst();
  if (present !== undefined) return;
  const text = readFileSync(join(import.meta.dirname, 'starter.cedar'), 'utf8');
  await publishPolicies(ctx, { files: { 'sallyport.cedar': text } });
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
   * published; `policy-invalid` for a stored set that this version refuses. The set held before stays in force, and
   * decisions go on by it while the new one is compiled; `signal` ends that.
   */
  refresh(signal?: AbortSignal): Promise<void>;
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
    async refresh(signal) {
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
      held = { compiled: await compileAside(files, signal), files };
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
  action: 'request' | 'approve' | 'extend' | 'connect' | 'breakGlass';
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
