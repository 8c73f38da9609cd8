// What never changes of a grant, once known to this process: whoever made it here usually ends it here, and need not
// ask the store again whose it is.

import type { Db } from '../db/client.ts';
import type { GrantRow } from './lease.ts';

/** What entries name, and whose it is. */
export type GrantIdentity = Pick<GrantRow, 'id' | 'request_id' | 'target_id' | 'principal_id' | 'login'>;

/** For each store; the oldest goes first. */
const MOST_KNOWN = 20_000;

const known = new WeakMap<Db, Map<string, GrantIdentity>>();

export function rememberGrant(db: Db, row: GrantIdentity): void {
  const { id, request_id, target_id, principal_id, login } = row;
  const kept = known.get(db) ?? new Map<string, GrantIdentity>();
  known.set(db, kept);
  if (kept.size >= MOST_KNOWN) for (const oldest of kept.keys()) if (kept.delete(oldest)) break;
  kept.set(id, { id, request_id, target_id, principal_id, login });
}

/** undefined: there is no such grant. */
export async function grantIdentity(db: Db, grantId: string): Promise<GrantIdentity | undefined> {
  const remembered = known.get(db)?.get(grantId);
  if (remembered !== undefined) return remembered;
  const row = await db
    .selectFrom('grants')
    .select(['id', 'request_id', 'target_id', 'principal_id', 'login'])
    .where('id', '=', grantId)
    .executeTakeFirst();
  if (row !== undefined) rememberGrant(db, row);
  return row;
}
