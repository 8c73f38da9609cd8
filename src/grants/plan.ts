// What a connector is told about a grant. The password on the target is derived from the master key and the grant's
// id each time it is needed, so that it is stored nowhere.

import type { MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { GrantPlan } from '../connectors/contract.ts';
import type { StepGrant } from './lease.ts';

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

export function planFor(masterKey: MasterKey, row: StepGrant): GrantPlan<unknown> {
  return {
    grantId: row.id,
    login: row.login,
    handle: row.handle as GrantPlan<unknown>['handle'],
    password: targetPassword(masterKey, row.id),
    taskId: row.task_id,
    entitlement: row.entitlement,
    nativeExpirySeconds: (row.claim_s ?? 0) + row.duration_s + row.landing_s + NATIVE_SLACK_SECONDS,
    label: `${row.principal_name} ${row.task_name} ${row.id}`.slice(0, LONGEST_LABEL),
  };
}
