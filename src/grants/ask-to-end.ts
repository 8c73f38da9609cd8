// That a session is wanted to end: in its row, because an event can be lost, with its entry; the gateway that has it cuts.

import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';

export interface SessionEnding {
  sessionId: string;
  grantId: string;
  targetId: string;
  /** For the person whose session it is. */
  reason: string;
  actor: Actor;
  /** Where whoever ends it is; none for the system. */
  sourceAddress?: string;
}

export async function askToEnd(trx: Trx, ending: SessionEnding): Promise<void> {
  const { sessionId, reason, sourceAddress } = ending;
  await trx.updateTable('sessions').set({ ending: reason }).where('id', '=', sessionId).execute();
  await append(trx, {
    kind: 'session.ending',
    actor: ending.actor,
    grantId: ending.grantId,
    sessionId,
    targetId: ending.targetId,
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    detail: { reason },
  });
  await publish(trx, { topic: 'sessions', id: sessionId, act: 'end', reason });
}
