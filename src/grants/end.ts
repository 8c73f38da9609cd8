// The one way out. Expiry, early return, revocation, a vanished account, a disabled person: all of them set
// `wanted = absent` and tell the gateways; what follows on the target is reconcile's, always the same.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';

/** Why a grant ended, as stored and shown. */
export type EndReason =
  | 'expired'
  | 'returned'
  | 'revoked'
  | 'not-granted'
  | 'account-vanished'
  | 'principal-disabled'
  | 'policy-changed';

export interface Ending {
  grantId: string;
  reason: EndReason;
  /** What a person said, or what went wrong; for people. */
  note: string | null;
  actor: Actor;
  /** The principal who ended it, or null for the system. */
  byId: string | null;
}

/** True when this call ended it; false when it had ended before: ending twice is one effect and one entry. */
export async function endGrant(trx: Trx, ending: Ending): Promise<boolean> {
  const row = await trx
    .updateTable('grants')
    .set({
      wanted: 'absent',
      end_reason: ending.reason,
      ended_by: ending.byId,
      ended_at: sql`now()`,
      next_attempt_at: sql`now()`,
      attempts: 0,
      last_error: null,
      version: sql`version + 1`,
    })
    .where('id', '=', ending.grantId)
    .where('wanted', '=', 'present')
    .returning(['id', 'request_id', 'target_id', 'login'])
    .executeTakeFirst();
  if (row === undefined) return false;
  await append(trx, {
    kind: 'grant.ending',
    actor: ending.actor,
    requestId: row.request_id,
    grantId: row.id,
    targetId: row.target_id,
    detail: { reason: ending.reason, note: ending.note, login: row.login },
  });
  await publish(trx, { topic: 'grants', id: row.id, act: 'ending', reason: ending.note ?? ending.reason });
  return true;
}
