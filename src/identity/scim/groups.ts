// A directory's groups: created, read, replaced, patched, deleted, each in one transaction with its audit entry. They
// are groups as policy knows them, marked by their row in directory_groups; nobody else changes who is in them.

import { sql } from 'kysely';
import {
  type ScimGroup,
  type ScimListQuery,
  type ScimPatch,
  type ScimResource,
  type ScimViewQuery,
  scimGroup,
} from '../../api/scim.ts';
import { newId } from '../../base/ids.ts';
import type { Db, Trx } from '../../db/client.ts';
import type { Administrator } from '../administer.ts';
import { applyToGroup, type GroupAttributes, idsIn } from './group-patch.ts';
import {
  type GroupRow,
  groupById,
  groupsIn,
  membersOf,
  policyName,
  takeGroupName,
  viewGroup,
} from './group-rows.ts';
import { exactFilter, isShown, listOf, pageFrom, shown } from './listing.ts';
import { addMembers, noteGroupChange, removeMembers, setMembers } from './members.ts';
import { matching } from './protocol.ts';
import { readAs, scimRefusal, versionMismatch } from './refusal.ts';
import { versionTag } from './user-rows.ts';
import type { Change } from './users.ts';

const MOST_LOOKED_THROUGH = 5_000;
/** Members of all groups of one page. */
const LARGEST_PAGE_GROUPS = 50;
const EXACT = ['displayName', 'externalId', 'id'];

/** Errors: `invalidFilter`, `tooMany`. Filters see no members. */
export async function listGroups(db: Db, query: ScimListQuery): Promise<ScimResource> {
  const { offset, limit } = pageFrom(query);
  const page = { offset, limit: Math.min(limit, LARGEST_PAGE_GROUPS) };
  const found = await groupsFor(db, query.filter);
  const rows = found.slice(page.offset, page.offset + page.limit);
  const members = isShown('members', query)
    ? await membersOf(
        db,
        rows.map((row) => row.id),
      )
    : null;
  return listOf(
    rows.map((row) => shown(viewGroup(row, members?.get(row.id) ?? null), query)),
    found.length,
    page,
  );
}

async function groupsFor(db: Db, filter: string | undefined): Promise<GroupRow[]> {
  const all = groupsIn(db)
    .orderBy('g.id')
    .limit(MOST_LOOKED_THROUGH + 1);
  const exact = filter === undefined ? null : exactFilter(filter, EXACT);
  if (exact?.attribute === 'id') return all.where('g.id', '=', exact.value).execute();
  if (exact?.attribute === 'externalId') return all.where('d.external_id', '=', exact.value).execute();
  if (exact !== null) return all.where(sql`lower(d.display_name)`, '=', exact.value.toLowerCase()).execute();
  const rows = await all.execute();
  if (rows.length > MOST_LOOKED_THROUGH)
    throw scimRefusal(
      'tooMany',
      `Filter by ${EXACT.join(', ')} eq: there are more than ${MOST_LOOKED_THROUGH} groups.`,
    );
  if (filter === undefined) return rows;
  if (/\bmembers\b/i.test(filter))
    throw scimRefusal('invalidFilter', 'Groups are not found by their members.');
  const ids = new Set(
    matching(
      rows.map((row) => viewGroup(row, null)),
      filter,
    ).map((one) => one.id),
  );
  return rows.filter((row) => ids.has(row.id));
}

/** Errors: `unknown-group`. */
export async function readGroup(db: Db | Trx, id: string, query: ScimViewQuery = {}): Promise<ScimResource> {
  const row = await groupById(db, id);
  const members = isShown('members', query) ? await membersOf(db, [id]) : null;
  return shown(viewGroup(row, members?.get(id) ?? null), query);
}

/** Errors: `scim-uniqueness`, `invalidValue`. */
export async function createGroup(db: Db, raw: ScimResource, by: Administrator): Promise<ScimResource> {
  const group = read(raw);
  const name = policyName(group.displayName);
  return db.transaction().execute(async (trx) => {
    await takeGroupName(trx, name, null);
    const id = newId('group');
    await trx.insertInto('groups').values({ id, name }).execute();
    await trx
      .insertInto('directory_groups')
      .values({ group_id: id, display_name: group.displayName, external_id: group.externalId ?? null })
      .execute();
    const added = await addMembers(trx, id, idsIn(group.members));
    await noteGroupChange(trx, { id, name }, { added, removed: [] }, { made: true }, by);
    return readGroup(trx, id);
  });
}

/** Errors: as `createGroup`, `unknown-group`, `scim-version`. */
export async function replaceGroup(
  db: Db,
  change: Change,
  raw: ScimResource,
  by: Administrator,
): Promise<ScimResource> {
  const group = read(raw);
  return db.transaction().execute(async (trx) => {
    const row = await lockedGroup(trx, change);
    const members = await setMembers(trx, row.id, idsIn(group.members));
    const attributes = { displayName: group.displayName, externalId: group.externalId ?? null };
    const more = await storeAttributes(trx, row, attributes);
    await noteGroupChange(trx, row, members, more, by);
    return readGroup(trx, row.id);
  });
}

/** Errors: as `replaceGroup`, and those of a path: `invalidPath`, `noTarget`, `mutability`. */
export async function patchGroup(
  db: Db,
  change: Change,
  patch: ScimPatch,
  by: Administrator,
): Promise<ScimResource> {
  return db.transaction().execute(async (trx) => {
    const row = await lockedGroup(trx, change);
    const { attributes, members } = await applyToGroup(trx, row.id, patch.Operations);
    const more = await storeAttributes(trx, row, attributes);
    await noteGroupChange(trx, row, members, more, by);
    return readGroup(trx, row.id);
  });
}

/** Errors: `unknown-group`, `scim-version`. */
export async function deleteGroup(db: Db, change: Change, by: Administrator): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockedGroup(trx, change);
    const removed = await removeMembers(trx, row.id, null);
    await forgetGroup(trx, row.id);
    await trx.deleteFrom('directory_groups').where('group_id', '=', row.id).execute();
    await trx.deleteFrom('groups').where('id', '=', row.id).execute();
    await noteGroupChange(trx, row, { added: [], removed }, { deleted: true }, by);
  });
}

// What else speaks of it here goes with it; segments that it owned belong to nobody (the owner above them counts then).
async function forgetGroup(trx: Trx, groupId: string): Promise<void> {
  await trx.deleteFrom('provider_memberships').where('group_id', '=', groupId).execute();
  await trx.deleteFrom('on_call_shifts').where('group_id', '=', groupId).execute();
}

async function lockedGroup(trx: Trx, { id, ifMatch }: Change): Promise<GroupRow> {
  const row = await groupById(trx, id, true);
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== versionTag(row.version))
    throw versionMismatch();
  return row;
}

function read(raw: ScimResource): ScimGroup {
  return readAs(scimGroup, raw);
}

/** What the log is to say of it. Errors: `scim-uniqueness`, `invalidValue`. */
async function storeAttributes(trx: Trx, row: GroupRow, attributes: GroupAttributes) {
  const displayName = attributes.displayName ?? row.display_name;
  const name = policyName(displayName);
  if (name !== row.name) {
    await takeGroupName(trx, name, row.id);
    await trx.updateTable('groups').set({ name }).where('id', '=', row.id).execute();
  }
  await trx
    .updateTable('directory_groups')
    .set({
      display_name: displayName,
      external_id: attributes.externalId === undefined ? row.external_id : attributes.externalId,
      version: row.version + 1,
      changed_at: sql<Date>`now()`,
    })
    .where('group_id', '=', row.id)
    .execute();
  return name === row.name ? {} : { nameNow: name };
}
