// Who is in a directory's group. Added and removed by difference, never read, changed and written back: two that add
// at the same time both stand.

import { sql } from 'kysely';
import { append } from '../../audit/append.ts';
import type { Trx } from '../../db/client.ts';
import type { Administrator } from '../administer.ts';
import { actorOf } from '../principals.ts';
import type { GroupRow } from './group-rows.ts';
import { scimRefusal } from './refusal.ts';

/** An entry of the log holds at most 64 KiB. */
const NAMES_IN_AN_ENTRY = 400;

export interface MemberChange {
  added: string[];
  removed: string[];
}

/** Errors: `invalidValue` for who is no user of the directory. */
export async function addMembers(trx: Trx, groupId: string, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const unique = [...new Set(ids)];
  const { rows: missing } = await sql<{ id: string }>`
    select id from unnest(${unique}::text[]) as id where not exists (
      select 1 from directory_users d where d.principal_id = id and d.deleted_at is null) limit 1`.execute(
    trx,
  );
  if (missing[0] !== undefined) {
    throw scimRefusal(
      'invalidValue',
      `members: "${missing[0].id.slice(0, 64)}" is no user. Groups in groups are not supported.`,
    );
  }
  // Locked in one order, so that a deletion at the same time either waits or is seen.
  await sql`select 1 from directory_users where principal_id = any(${unique}::text[])
    order by principal_id for share`.execute(trx);
  const { rows } = await sql<{ name: string }>`
    with added as (
      insert into memberships (group_id, principal_id)
      select ${groupId}, principal_id from directory_users
      where principal_id = any(${unique}::text[]) and deleted_at is null
      on conflict do nothing returning principal_id)
    select p.name from added join principals p on p.id = added.principal_id order by p.name`.execute(trx);
  return rows.map((row) => row.name);
}

/** `null` removes everybody. Who is not in it is no error. */
export async function removeMembers(trx: Trx, groupId: string, ids: string[] | null): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    with removed as (
      delete from memberships where group_id = ${groupId}
        and (${ids === null} or principal_id = any(${ids ?? []}::text[])) returning principal_id)
    select p.name from removed join principals p on p.id = removed.principal_id order by p.name`.execute(trx);
  return rows.map((row) => row.name);
}

/** Exactly these from now on. Errors: as `addMembers`. */
export async function setMembers(trx: Trx, groupId: string, ids: string[]): Promise<MemberChange> {
  const added = await addMembers(trx, groupId, ids);
  const { rows } = await sql<{ id: string }>`
    select principal_id as id from memberships
    where group_id = ${groupId} and not principal_id = any(${ids}::text[])`.execute(trx);
  const gone = rows.map((row) => row.id);
  return { added, removed: gone.length === 0 ? [] : await removeMembers(trx, groupId, gone) };
}

/** One entry, or several where the names do not fit into one. */
export async function noteGroupChange(
  trx: Trx,
  group: Pick<GroupRow, 'id' | 'name'>,
  change: MemberChange,
  more: Record<string, unknown>,
  by: Administrator,
): Promise<void> {
  const parts = Math.max(
    1,
    Math.ceil(Math.max(change.added.length, change.removed.length) / NAMES_IN_AN_ENTRY),
  );
  const piece = (names: string[], part: number) => {
    const some = names.slice(part * NAMES_IN_AN_ENTRY, (part + 1) * NAMES_IN_AN_ENTRY);
    return some.length === 0 ? undefined : some;
  };
  for (let part = 0; part < parts; part++) {
    await append(trx, {
      kind: 'directory.group-changed',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: {
        group: group.name,
        groupId: group.id,
        ...more,
        added: piece(change.added, part),
        removed: piece(change.removed, part),
        ...(parts === 1 ? {} : { part: part + 1, parts }),
      },
    });
  }
}
