// The intent of a grant: its row, with the handle that revocation needs, committed before the target is touched, so
// that no crash can orphan a privilege.

import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { Asked } from './facts.ts';

/** The login is the grant's id in another form: one identity per grant, derivable, never chosen by anyone. */
export function loginOf(grantId: string): string {
  return `sp_${grantId.slice(grantId.indexOf('_') + 1)}`;
}

/** Writes the grant (wanted present, observed unknown) and its entry; returns the new id. */
export async function intendGrant(
  trx: Trx,
  input: {
    requestId: string;
    principalId: string;
    asked: Asked;
    durationSeconds: number;
    actor: Actor;
    policyDigest: string;
  },
): Promise<string> {
  const id = newId('grant');
  const login = loginOf(id);
  const { target, task } = input.asked;
  await trx
    .insertInto('grants')
    .values({
      id,
      request_id: input.requestId,
      principal_id: input.principalId,
      target_id: target.id,
      task_id: task.id,
      login,
      handle: JSON.stringify({ login, grantId: id }),
      duration_s: input.durationSeconds,
    })
    .execute();
  await append(trx, {
    kind: 'grant.intended',
    actor: input.actor,
    requestId: input.requestId,
    grantId: id,
    targetId: target.id,
    policyDigest: input.policyDigest,
    detail: { target: target.name, task: task.name, login, durationSeconds: input.durationSeconds },
  });
  await publish(trx, { topic: 'grants', id });
  return id;
}
