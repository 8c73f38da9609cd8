// A directory's users in the store, and as SCIM shows them.

import { type SelectQueryBuilder, sql } from 'kysely';
import type { ScimResource } from '../../api/scim.ts';
import { notFound } from '../../base/errors.ts';
import type { Db, Trx } from '../../db/client.ts';
import type { Tables } from '../../db/tables.ts';
import { SCIM_PATH } from './protocol.ts';

export interface UserRow {
  id: string;
  name: string;
  kind: 'person' | 'service' | 'agent';
  user_name: string;
  external_id: string | null;
  attributes: Record<string, unknown>;
  active: boolean;
  disabled_by_directory: boolean;
  version: number;
  created_at: Date;
  changed_at: Date;
  groups: { value: string; display: string }[];
}

type UserTables = { d: Tables['directory_users']; p: Tables['principals'] };

const GROUPS = sql<{ value: string; display: string }[]>`coalesce((
  select jsonb_agg(jsonb_build_object('value', m.group_id, 'display', g.display_name) order by m.group_id)
  from memberships m join directory_groups g on g.group_id = m.group_id where m.principal_id = p.id), '[]'::jsonb)`;

/** Of those that were not deleted. */
export function usersIn(db: Db | Trx) {
  return db
    .selectFrom('directory_users as d')
    .innerJoin('principals as p', 'p.id', 'd.principal_id')
    .where('d.deleted_at', 'is', null);
}

export function withColumns<O>(query: SelectQueryBuilder<Tables & UserTables, 'd' | 'p', O>) {
  return query
    .select(['p.id', 'p.name', 'p.kind', 'd.user_name', 'd.external_id', 'd.attributes', 'd.active'])
    .select(['d.disabled_by_directory', 'd.version', 'd.created_at', 'd.changed_at'])
    .select(GROUPS.as('groups'));
}

/** Errors: `unknown-user`. In a transaction with `lock`, nobody else changes it until the end. */
export async function userById(db: Db | Trx, id: string, lock = false): Promise<UserRow> {
  if (lock) {
    await sql`select 1 from directory_users d join principals p on p.id = d.principal_id
      where d.principal_id = ${id} for update of d, p`.execute(db);
  }
  const row = await withColumns(usersIn(db)).where('p.id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('user', id.slice(0, 64));
  return row;
}

export function viewUser(row: UserRow): ScimResource {
  const { schemas, userName: _, externalId: __, active: ___, ...attributes } = row.attributes;
  return {
    schemas,
    id: row.id,
    ...(row.external_id === null ? {} : { externalId: row.external_id }),
    userName: row.user_name,
    ...attributes,
    active: row.active,
    ...(row.groups.length === 0 ? {} : { groups: row.groups.map((one) => ({ ...one, type: 'direct' })) }),
    meta: metaOf('User', row),
  };
}

export function metaOf(
  resourceType: 'User' | 'Group',
  row: { id: string; created_at: Date; changed_at: Date; version: number },
): ScimResource {
  return {
    resourceType,
    created: row.created_at.toISOString(),
    lastModified: row.changed_at.toISOString(),
    location: `${SCIM_PATH}/${resourceType}s/${row.id}`,
    version: versionTag(row.version),
  };
}

export function versionTag(version: number): string {
  return `W/"${version}"`;
}
