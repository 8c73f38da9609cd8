// A directory's groups in the store, as SCIM shows them, and the name that policies call them by.

import { sql } from 'kysely';
import { GROUP_SCHEMA, type ScimResource } from '../../api/scim.ts';
import { notFound } from '../../base/errors.ts';
import type { Db, Trx } from '../../db/client.ts';
import { ADMINISTRATORS, AUDITORS, DIRECTORY } from '../principals.ts';
import { SCIM_PATH } from './protocol.ts';
import { notUnique, scimRefusal } from './refusal.ts';
import { metaOf } from './user-rows.ts';

const NAME_FORM = /^[a-z0-9][a-z0-9._-]{0,99}$/;
/** They hold rights over Sallyport itself: who is in them is decided here. */
const OURS: readonly string[] = [ADMINISTRATORS, AUDITORS, DIRECTORY];

export interface GroupRow {
  id: string;
  name: string;
  display_name: string;
  external_id: string | null;
  version: number;
  created_at: Date;
  changed_at: Date;
}

export function groupsIn(db: Db | Trx) {
  return db
    .selectFrom('directory_groups as d')
    .innerJoin('groups as g', 'g.id', 'd.group_id')
    .select([
      'g.id',
      'g.name',
      'd.display_name',
      'd.external_id',
      'd.version',
      'd.created_at',
      'd.changed_at',
    ]);
}

/** Errors: `unknown-group`. In a transaction with `lock`, nobody else changes it until the end. */
export async function groupById(db: Db | Trx, id: string, lock = false): Promise<GroupRow> {
  if (lock) await sql`select 1 from directory_groups where group_id = ${id} for update`.execute(db);
  const row = await groupsIn(db).where('g.id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('group', id.slice(0, 64));
  return row;
}

/** Ids of the members of each group that is named. */
export async function membersOf(db: Db | Trx, groupIds: string[]): Promise<Map<string, string[]>> {
  const members = new Map<string, string[]>(groupIds.map((id) => [id, []]));
  if (groupIds.length === 0) return members;
  const rows = await db
    .selectFrom('memberships')
    .select(['group_id', 'principal_id'])
    .where('group_id', 'in', groupIds)
    .orderBy('principal_id')
    .execute();
  for (const row of rows) members.get(row.group_id)?.push(row.principal_id);
  return members;
}

/** `members` null: not asked for, and so not there. */
export function viewGroup(row: GroupRow, members: string[] | null): ScimResource {
  return {
    schemas: [GROUP_SCHEMA],
    id: row.id,
    ...(row.external_id === null ? {} : { externalId: row.external_id }),
    displayName: row.display_name,
    ...(members === null || members.length === 0 ? {} : { members: members.map(viewMember) }),
    meta: metaOf('Group', row),
  };
}

function viewMember(id: string): ScimResource {
  return { value: id, $ref: `${SCIM_PATH}/Users/${id}`, type: 'User' };
}

/** "Database Admins" is `database-admins` in policies. Errors: `invalidValue`. */
export function policyName(displayName: string): string {
  const name = displayName.trim().toLowerCase().replaceAll(/ +/g, '-');
  if (NAME_FORM.test(name)) return name;
  throw scimRefusal(
    'invalidValue',
    'displayName: letters, digits, spaces and . _ - only, beginning with a letter or digit, at most 100. Policies call the group by it.',
  );
}

/** Errors: `scim-uniqueness` for a group of Sallyport's own, a local one, and another of the directory's. */
export async function takeGroupName(trx: Trx, name: string, own: string | null): Promise<void> {
  if (OURS.includes(name)) {
    throw notUnique(`The group "${name}" gives rights over Sallyport itself; who is in it is decided there.`);
  }
  await sql`select pg_advisory_xact_lock(hashtextextended(${`group ${name}`}, 0))`.execute(trx);
  const holder = await trx
    .selectFrom('groups as g')
    .leftJoin('directory_groups as d', 'd.group_id', 'g.id')
    .select(['g.id', 'd.group_id as from_directory'])
    .where('g.name', '=', name)
    .executeTakeFirst();
  if (holder === undefined || holder.id === own) return;
  throw notUnique(
    holder.from_directory === null
      ? `There is a group "${name}" here that the directory did not bring; its members are kept by hand.`
      : `There is a group "${name}" already.`,
  );
}
