// The intent of a grant: its row, with the handle that revocation needs, committed before the target is touched, so
// that no crash can orphan a privilege.

import { type RawBuilder, sql } from 'kysely';
import { appendFor, type Entry } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { Obligations, SessionUse } from '../policy/engine/facts.ts';
import { strictestUse } from '../policy/engine/session-terms.ts';
import type { Asked } from './facts.ts';
import { LEASE_END, NOBODY_HAS_IT } from './lease.ts';
import { PASSWORD_KEY } from './plan.ts';

/** The login is the grant's id in another form: one identity per grant, derivable, never chosen by anyone. */
export function loginOf(grantId: string): string {
  return `sp_${grantId.slice(grantId.indexOf('_') + 1)}`;
}

interface IntentInput {
  requestId: string;
  principalId: string;
  asked: Pick<Asked, 'target' | 'task'>;
  durationSeconds: number;
  actor: Actor;
  policyDigest: string;
  /** Not before then; null for at once. */
  startsAt: Date | null;
  /** How it goes with its sessions; left out: until its end, from activation on, cut at the deadline. */
  terms?: GrantTerms;
  /** One of several of its request: active when all of them are there. */
  bundled?: boolean;
}

export interface GrantTerms {
  sessionUse: SessionUse | null;
  claimSeconds: number | null;
  landingSeconds: number;
}

/** What policy obliges to, and the requester's wish where that is less. */
export function termsOf(obligations: Obligations, wish: SessionUse | null): GrantTerms {
  return {
    sessionUse: strictestUse([obligations.sessionUse, wish ?? undefined]) ?? null,
    claimSeconds: obligations.claimSeconds ?? null,
    landingSeconds: obligations.landingSeconds ?? 0,
  };
}

const PLAIN: GrantTerms = { sessionUse: null, claimSeconds: null, landingSeconds: 0 };

/** A grant that is to be: the row (wanted present, observed unknown) as an INSERT, and its entry; both or none. */
export interface Intent {
  id: string;
  insert: RawBuilder<unknown>;
  entry: Entry;
}

/** `hand`: `takenUpBy` when the caller takes the step itself; otherwise a worker finds it due at once. */
export function intentOf(input: IntentInput, hand = NOBODY_HAS_IT): Intent {
  const id = newId('grant');
  const login = loginOf(id);
  const { target, task } = input.asked;
  const terms = input.terms ?? PLAIN;
  return {
    id,
    insert: sql`insert into grants (id, request_id, principal_id, target_id, task_id, login, handle, duration_s,
      starts_at, session_use, claim_s, landing_s, bundled, next_attempt_at, attempts, lease_until, lease_by, password_key)
      values (${id}, ${input.requestId}, ${input.principalId}, ${target.id}, ${task.id}, ${login},
        ${JSON.stringify({ login, grantId: id })}, ${input.durationSeconds}, ${input.startsAt},
        ${terms.sessionUse}, ${terms.claimSeconds}, ${terms.landingSeconds}, ${input.bundled === true},
        greatest(now(), ${input.startsAt}::timestamptz), ${hand.attempts}, ${hand.by === null ? sql`null` : LEASE_END}, ${hand.by}, ${PASSWORD_KEY})`,
    entry: {
      kind: 'grant.intended',
      actor: input.actor,
      requestId: input.requestId,
      grantId: id,
      targetId: target.id,
      policyDigest: input.policyDigest,
      detail: {
        target: target.name,
        task: task.name,
        login,
        durationSeconds: input.durationSeconds,
        ...(input.startsAt === null ? {} : { startsAt: input.startsAt.toISOString() }),
        ...(terms.sessionUse === null ? {} : { use: terms.sessionUse }),
        ...(terms.claimSeconds === null ? {} : { claimSeconds: terms.claimSeconds }),
        ...(terms.landingSeconds === 0 ? {} : { landingSeconds: terms.landingSeconds }),
      },
    },
  };
}

/** Writes an intent and its entry; returns the new grant's id. */
export async function intendGrant(trx: Trx, input: IntentInput): Promise<string> {
  const intent = intentOf(input);
  await sql`with intended as (${intent.insert} returning id) ${appendFor('intended', [intent.entry])}`.execute(
    trx,
  );
  await publish(trx, { topic: 'grants', id: intent.id });
  return intent.id;
}
