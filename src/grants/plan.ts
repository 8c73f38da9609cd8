// What a connector is told about a grant. The password on the target is derived from the master key and the grant's
// id each time it is needed, so that it is stored nowhere.

import { sql } from 'kysely';
import type { Keyring, MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { GrantPlan } from '../connectors/contract.ts';
import type { StepGrant } from './lease.ts';

/** How much later the target's own expiry is than ours (lifecycle.md): it only catches what we could not end. */
export const NATIVE_SLACK_SECONDS = 300;
const PASSWORD_BYTES = 32;
const SALT_BYTES = 16;
const LONGEST_LABEL = 200;

/** For an INSERT of a grant: what its passwords are derived from, now and until it is over. */
export const PASSWORD_KEY = sql`(select master_key_check || '.' || password_generation from installation)`;

/** `password_key` of a grant: the check of a master key, a dot, a generation; null before there were several. */
function derivationOf(keys: Keyring, passwordKey: string | null): { key: MasterKey; generation: number } {
  if (passwordKey === null) return { key: keys.of(null), generation: 0 };
  const at = passwordKey.lastIndexOf('.');
  return { key: keys.of(passwordKey.slice(0, at)), generation: Number(passwordKey.slice(at + 1)) };
}

export function targetPassword(keys: Keyring, grant: { id: string; password_key: string | null }): Secret {
  const { key, generation } = derivationOf(keys, grant.password_key);
  const id = generation === 0 ? grant.id : `${grant.id} ${generation}`;
  return new Secret(key.derive('target-password', id, PASSWORD_BYTES).toString('base64url'));
}

/**
 * One salt for all secrets of a login, since SCRAM names the salt before it knows which secret comes. `passwordKey` as
 * the grant has it; undefined for a login that no grant has.
 */
export function gatewaySalt(keys: Keyring, login: string, passwordKey: string | null | undefined): Buffer {
  const key = passwordKey === undefined ? keys : derivationOf(keys, passwordKey).key;
  return key.derive('gateway-salt', login, SALT_BYTES);
}

export function planFor(keys: Keyring, row: StepGrant): GrantPlan<unknown> {
  return {
    grantId: row.id,
    login: row.login,
    handle: row.handle as GrantPlan<unknown>['handle'],
    password: targetPassword(keys, row),
    taskId: row.task_id,
    entitlement: row.entitlement,
    nativeExpirySeconds: (row.claim_s ?? 0) + row.duration_s + row.landing_s + NATIVE_SLACK_SECONDS,
    label: `${row.principal_name} ${row.task_name} ${row.id}`.slice(0, LONGEST_LABEL),
  };
}
