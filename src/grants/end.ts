// The one way out. Expiry, early return, revocation, a vanished account, a disabled person: all of them set
// `wanted = absent` and tell the gateways; what follows on the target is reconcile's, always the same.

import { sql } from 'kysely';
import { appendFor, appendForGrants, type Entry } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantIdentity } from './known-grants.ts';
import {
  type Hand,
  LEASE_END,
  NOBODY_HAS_IT,
  STEP_COLUMNS,
  STEP_JOINS,
  STEP_TABLES,
  type StepGrant,
  takenUpBy,
  UNLEASED,
} from './lease.ts';

/** Why a grant ended, as stored and shown. */
export type EndReason =
  | 'expired'
  | 'returned'
  | 'revoked'
  | 'not-granted'
  | 'account-vanished'
  | 'account-altered'
  | 'principal-disabled'
  | 'killed'
  | 'used'
  | 'not-claimed'
  | 'bundle-undone'
  | 'policy-changed'
  | 'no-longer-allowed';

export interface Ending {
  grant: Omit<GrantIdentity, 'principal_id'>;
  reason: EndReason;
  /** What a person said, or what went wrong; for people. */
  note: string | null;
  actor: Actor;
  /** Where the person who ended it was; none for the system. */
  sourceAddress?: string;
  /** The principal who ended it, or null for the system. */
  byId: string | null;
  /** The kill switch that ends it. */
  killId?: string;
}

/**
 * True when this call ended it; false when it had ended before: ending twice is one effect and one entry. One statement,
 * so that outside a transaction it is one by itself. A worker finds it due at once.
 */
export async function endGrant(store: Trx | Db, ending: Ending): Promise<boolean> {
  return (await writeEnd(store, ending, NOBODY_HAS_IT)) !== null;
}

/**
 * The same by who takes up the revocation at once: its step, or null when it had ended before. Where another has a step
 * of this grant in hand, the lease stays with it (`lease_by`), and the revocation comes after.
 */
export function endAndTakeUp(ctx: { db: Db; run: string }, ending: Ending): Promise<StepGrant | null> {
  return writeEnd(ctx.db, ending, takenUpBy(ctx.run));
}

/** Many at once, in one statement: the ids of those that this call ended. Each has its own entry. */
export async function endGrants(store: Trx | Db, endings: readonly Ending[]): Promise<string[]> {
  if (endings.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    with ended as (
      update grants g set wanted = 'absent', end_reason = v.reason, ended_by = v.by_id, kill_id = v.kill_id, ended_at = now(),
        next_attempt_at = now(), attempts = ${NOBODY_HAS_IT.attempts}, last_error = null, version = g.version + 1
      from unnest(${endings.map(({ grant }) => grant.id)}::text[], ${endings.map(({ reason }) => reason)}::text[],
        ${endings.map(({ byId }) => byId)}::text[], ${endings.map(({ killId }) => killId ?? null)}::text[]
      ) as v (id, reason, by_id, kill_id)
      where g.id = v.id and g.wanted = 'present'
      returning g.id),
    logged as (${appendForGrants('ended', endings.map(entryOf))})
    select id from ended`.execute(store);
  const told = new Map(endings.map((ending) => [ending.grant.id, ending.note ?? ending.reason]));
  for (const { id } of rows)
    await publish(store, { topic: 'grants', id, act: 'ending', reason: told.get(id) ?? 'ended' });
  return rows.map(({ id }) => id);
}

function entryOf({ grant, reason, note, actor, sourceAddress }: Ending): Entry {
  return {
    kind: 'grant.ending',
    actor,
    requestId: grant.request_id,
    grantId: grant.id,
    targetId: grant.target_id,
    sourceAddress,
    detail: { reason, note, login: grant.login },
  };
}

async function writeEnd(store: Trx | Db, ending: Ending, hand: Hand): Promise<StepGrant | null> {
  const { grant, reason, note } = ending;
  const { rows } = await sql<StepGrant>`
    with ended as (
      update grants g set wanted = 'absent', end_reason = ${reason}, ended_by = ${ending.byId}, kill_id = ${ending.killId ?? null},
        ended_at = now(),
        next_attempt_at = now(), attempts = ${hand.attempts}, last_error = null, version = g.version + 1
        ${hand.by === null ? sql`` : sql`, lease_until = case when ${UNLEASED} then ${LEASE_END} else g.lease_until end, lease_by = case when ${UNLEASED} then ${hand.by} else g.lease_by end`}
      from ${STEP_TABLES}
      where g.id = ${grant.id} and g.wanted = 'present' and ${STEP_JOINS}
      returning ${STEP_COLUMNS}),
    logged as (${appendFor('ended', [entryOf(ending)])})
    select * from ended`.execute(store);
  const [ended] = rows;
  if (ended === undefined) return null;
  await publish(store, { topic: 'grants', id: grant.id, act: 'ending', reason: note ?? reason });
  return ended;
}
