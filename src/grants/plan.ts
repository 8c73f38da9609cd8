// What a connector is told about a grant. The password on the target is derived from the master key and the grant's
// id each time it is needed, so that it is stored nowhere.

import type { MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { GrantPlan } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import type { GrantRow } from './lease.ts';

/** How much later the target's own expiry is than ours (lifecycle.md): it only catches what we could not end. */
export const NATIVE_SLACK_SECONDS = 300;
const PASSWORD_BYTES = 32;
const SALT_BYTES = 16;
const LONGEST_LABEL = 200;

export function targetPassword(masterKey: MasterKey, grantId: string): Secret {
  return new Secret(masterKey.derive('target-password', grantId, PASSWORD_BYTES).toString('base64url'));
}

/** One salt for all secrets of a login, since SCRAM names the salt before it knows which secret comes. */
export function gatewaySalt(masterKey: MasterKey, login: string): Buffer {
  return masterKey.derive('gateway-salt', login, SALT_BYTES);
}

export async function planFor(
  ctx: { db: Db; masterKey: MasterKey },
  row: GrantRow,
): Promise<GrantPlan<unknown>> {
  const facts = await ctx.db
    .selectFrom('tasks')
    .innerJoin('principals', (join) => join.on('principals.id', '=', row.principal_id))
    .select(['tasks.name as task', 'tasks.entitlement', 'principals.name as principal'])
    .where('tasks.id', '=', row.task_id)
    .executeTakeFirstOrThrow();
  return {
    grantId: row.id,
    login: row.login,
    handle: row.handle as GrantPlan<unknown>['handle'],
    password: targetPassword(ctx.masterKey, row.id),
    taskId: row.task_id,
    entitlement: facts.entitlement,
    nativeExpirySeconds: row.duration_s + NATIVE_SLACK_SECONDS,
    label: `${facts.principal} ${facts.task} ${row.id}`.slice(0, LONGEST_LABEL),
  };
}
