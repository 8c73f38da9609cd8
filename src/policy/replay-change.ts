// The stored decisions of the last days, newest first, made again by another set in a thread of its own, while the store
// reads the next ones. Bounded in number and time: what was not looked at is told, never guessed.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import { ID_PREFIXES, newId } from '../base/ids.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import type { CompareAnswer, CompareMessage, CompareResult, RowText } from './compare-messages.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import type { PrincipalFacts } from './engine/facts.ts';

export const MOST_REPLAYED = 100_000;
/** A plan is waited for; the newest decisions say most. */
export const LONGEST_REPLAY_MS = 20_000;
const BATCH = 1_000;
/** Rules handed to the thread together: a few milliseconds for everybody else. */
const RULES_AT_ONCE = 100;
const LARGEST_HEAP_MB = 1_024;
const MOST_AT_ONCE = 2;
const DAY_MS = 86_400_000;
/** `approve` stores the request's decision once more. */
const ACTIONS = ['request', 'extend', 'connect'];

export interface Replayed extends Omit<CompareResult, 'kind'> {
  stored: number;
  oldest: string | null;
}

export interface ReplayInput {
  before: CompiledPolicies;
  after: CompiledPolicies;
  people: PrincipalFacts[];
  days: number;
  signal?: AbortSignal;
  onProgress?: (progress: { replayed: number; stored: number }) => Promise<void>;
}

let running = 0;

/** Errors: `plans-running`; `plan-failed` when the thread died; `interrupted` on `signal`; the store's. */
export async function replayChange(ctx: { db: Db }, input: ReplayInput): Promise<Replayed> {
  if (running >= MOST_AT_ONCE) {
    throw new Failure('limit', 'plans-running', 'Other plans are being made; try again in half a minute.');
  }
  running++;
  const thread = startThread();
  try {
    return await replay(ctx, input, thread.ask);
  } finally {
    running--;
    await thread.stop();
  }
}

async function replay(
  ctx: { db: Db },
  input: ReplayInput,
  ask: (message: CompareMessage) => Promise<CompareAnswer>,
): Promise<Replayed> {
  const { before, after, people, signal, onProgress } = input;
  await tellRules(before, 'before', ask);
  await tellRules(after, 'after', ask);
  await ask({ kind: 'sets', before: before.digest, after: after.digest, nowMs: Date.now() });
  const since = firstIdAt(Date.now() - input.days * DAY_MS);
  const stored = await countSince(ctx.db, since);
  const endsAt = monotonicMs() + LONGEST_REPLAY_MS;
  let replayed = 0;
  let oldest: string | null = null;
  let rows = await readBatch(ctx.db, since, null);
  while (replayed < Math.min(stored, MOST_REPLAYED) && monotonicMs() < endsAt) {
    if (signal?.aborted === true) throw new Failure('conflict', 'interrupted', 'Nobody waits for this plan.');
    const last = rows.at(-1);
    if (last === undefined) break;
    const [next] = await Promise.all([
      readBatch(ctx.db, since, last.id),
      ask({ kind: 'rows', rows: rows.map((row) => row.stored) }),
    ]);
    replayed += rows.length;
    oldest = last.stored.at;
    rows = next;
    await onProgress?.({ replayed, stored });
  }
  const answer = await ask({ kind: 'end', people });
  if (answer.kind !== 'result') throw new Error('The end has a result.');
  const { compared, rights, approvers } = answer;
  return { compared, rights, approvers, stored: Math.max(stored, compared.replayed), oldest };
}

async function tellRules(
  { rules }: CompiledPolicies,
  of: 'before' | 'after',
  ask: (message: CompareMessage) => Promise<CompareAnswer>,
): Promise<void> {
  for (let from = 0; from < rules.length; from += RULES_AT_ONCE)
    await ask({ kind: 'rules', of, rules: rules.slice(from, from + RULES_AT_ONCE) });
}

function startThread(): {
  ask: (message: CompareMessage) => Promise<CompareAnswer>;
  stop: () => Promise<unknown>;
} {
  const worker = new Worker(new URL('./compare-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: LARGEST_HEAP_MB },
  });
  return {
    async ask(message) {
      worker.postMessage(message);
      try {
        const [answer] = (await once(worker, 'message')) as [CompareAnswer];
        return answer;
      } catch (error) {
        throw new Failure('unavailable', 'plan-failed', 'The plan could not be made.', { cause: error });
      }
    },
    stop: () => worker.terminate(),
  };
}

/** Ids begin with their time, so that the primary key finds the last ninety days. */
function firstIdAt(ms: number): string {
  return newId('decision', ms).slice(0, ID_PREFIXES.decision.length + 1 + ID_TIME_CHARS);
}
const ID_TIME_CHARS = 10;

async function countSince(db: Db, since: string): Promise<number> {
  const { count } = await db
    .selectFrom('decisions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('id', '>=', since)
    .where('action', 'in', ACTIONS)
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function readBatch(
  db: Db,
  since: string,
  below: string | null,
): Promise<{ id: string; stored: RowText }[]> {
  const rows = await db
    .selectFrom('decisions')
    .select(['id', 'action', 'outcome', 'policy_digest', 'decided_at'])
    .select([sql<string>`facts::text`.as('facts'), sql<string>`obligations::text`.as('obligations')])
    .where('id', '>=', since)
    .where('action', 'in', ACTIONS)
    .$if(below !== null, (q) => q.where('id', '<', below ?? ''))
    .orderBy('id', 'desc')
    .limit(BATCH)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    stored: {
      action: row.action,
      outcome: row.outcome,
      policyDigest: row.policy_digest,
      facts: row.facts,
      obligations: row.obligations,
      at: row.decided_at.toISOString(),
    },
  }));
}
