// What the use-cases and the keeper of kits share: rows with what a connector needs, and the derived password.

import { type RawBuilder, sql } from 'kysely';
import type { MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { Handle, KitPlan } from '../connectors/contract.ts';
import type { Db, Trx } from '../db/client.ts';

const PASSWORD_BYTES = 32;
/** A kit is made anew at least so often. */
export const KIT_VALID_DAYS = 90;
export const MOST_KIT_TARGETS = 200;

export interface KitLoginRow {
  login: string;
  kit_id: string;
  generation: number;
  target_id: string;
  handle: Record<string, unknown>;
  wanted: 'present' | 'absent';
  observed: 'unknown' | 'present' | 'inert' | 'absent';
  opened_at: Date | null;
  target: string;
  target_kind: string;
  settings: unknown;
  segment: string;
  task_id: string;
  task: string;
  entitlement: unknown;
  limit_s: number;
  /** Until the kit expires, by the store's clock. */
  valid_s: number;
}

/** Logins of kits as `l`, with what a connector needs; `with` may name CTEs, conditions may follow. */
export function selectKitLogins(where: RawBuilder<unknown>): RawBuilder<KitLoginRow> {
  return sql<KitLoginRow>`
    select l.login, l.kit_id, l.generation, l.target_id, l.handle, l.wanted, l.observed, l.opened_at,
      t.name as target, t.kind as target_kind, t.settings, k.segment, k.task_id, s.name as task, s.entitlement, k.limit_s,
      greatest(1, extract(epoch from k.expires_at - now()))::float8 as valid_s
    from kit_logins l join kits k on k.id = l.kit_id join targets t on t.id = l.target_id join tasks s on s.id = k.task_id
    where ${where}
    order by l.target_id, l.login`;
}

/** The password of a dormant login is derived, as a grant's is: so that it is stored nowhere, and can be tried. */
export function kitPassword(masterKey: MasterKey, login: string): Secret {
  return new Secret(masterKey.derive('kit-password', login, PASSWORD_BYTES).toString('base64url'));
}

export const shareContext = (kitId: string, generation: number, place: number) =>
  `kit share ${kitId} ${generation} ${place}`;

export function kitPlan(masterKey: MasterKey, row: KitLoginRow): KitPlan<unknown> {
  return {
    kitId: row.kit_id,
    login: row.login,
    handle: row.handle as Handle,
    password: kitPassword(masterKey, row.login),
    taskId: row.task_id,
    entitlement: row.entitlement,
    validSeconds: row.valid_s,
    limitSeconds: row.limit_s,
    label: row.segment,
  };
}

/** Ids of the holders of the present generation. */
export async function holderIds(db: Db | Trx, kitId: string, generation: number): Promise<string[]> {
  const rows = await db
    .selectFrom('kit_holders')
    .select('principal_id')
    .where('kit_id', '=', kitId)
    .where('generation', '=', generation)
    .orderBy('place')
    .execute();
  return rows.map((row) => row.principal_id);
}
