// A directory's people: created, read, replaced, patched, deleted. Each change is one transaction on a locked row, with
// its audit entry; whoever comes second works on what the first has written.

import { sql } from 'kysely';
import {
  type ScimListQuery,
  type ScimPatch,
  type ScimResource,
  type ScimUser,
  type ScimViewQuery,
  scimUser,
} from '../../api/scim.ts';
import { append } from '../../audit/append.ts';
import { newId } from '../../base/ids.ts';
import type { Db, Trx } from '../../db/client.ts';
import type { Administrator } from '../administer.ts';
import { actorOf } from '../principals.ts';
import { exactFilter, listOf, pageFrom, shown } from './listing.ts';
import { matching, patchUser, userFrom } from './protocol.ts';
import { notUnique, readAs, scimRefusal, versionMismatch } from './refusal.ts';
import { switchOff, switchOn } from './switch-user.ts';
import { factsFrom, type UserFacts } from './user-facts.ts';
import { type UserRow, userById, usersIn, versionTag, viewUser, withColumns } from './user-rows.ts';

/** Filters that no index answers are looked through; beyond this many users they are refused. */
const MOST_LOOKED_THROUGH = 10_000;
const LARGEST_ATTRIBUTES_CHARS = 32 * 1024;
const EXACT = ['userName', 'externalId', 'id'];

/** Errors: `invalidFilter`, `tooMany`. */
export async function listUsers(db: Db, query: ScimListQuery): Promise<ScimResource> {
  const page = pageFrom(query);
  const exact = query.filter === undefined ? null : exactFilter(query.filter, EXACT);
  const { total } = await usersIn(db)
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const columns = withColumns(usersIn(db)).orderBy('p.id');
  if (query.filter === undefined) {
    const rows = await columns.limit(page.limit).offset(page.offset).execute();
    return listOf(
      rows.map((row) => shown(viewUser(row), query)),
      total,
      page,
    );
  }
  if (exact === null && total > MOST_LOOKED_THROUGH)
    throw scimRefusal('tooMany', `Filter by ${EXACT.join(', ')} eq: there are ${total} users.`);
  const found =
    exact === null
      ? matching((await columns.execute()).map(viewUser), query.filter)
      : (await columns.where(columnFor(exact.attribute), '=', valueFor(exact)).execute()).map(viewUser);
  const shownNow = found.slice(page.offset, page.offset + page.limit);
  return listOf(
    shownNow.map((one) => shown(one, query)),
    found.length,
    page,
  );
}

// userName is not case-sensitive, the others are (RFC 7643, 4.1.1 and 3.1).
function columnFor(attribute: string) {
  if (attribute === 'id') return sql<string>`p.id`;
  return attribute === 'externalId' ? sql<string>`d.external_id` : sql<string>`lower(d.user_name)`;
}

function valueFor({ attribute, value }: { attribute: string; value: string }): string {
  return attribute === 'userName' ? value.toLowerCase() : value;
}

/** Errors: `unknown-user`. */
export async function readUser(db: Db, id: string, query: ScimViewQuery): Promise<ScimResource> {
  return shown(viewUser(await userById(db, id)), query);
}

/** Errors: `scim-uniqueness` for a name that somebody has already, of the directory's or a local one; `invalidValue`. */
export async function createUser(db: Db, raw: ScimResource, by: Administrator): Promise<ScimResource> {
  const { attributes, user } = read(raw);
  return db.transaction().execute(async (trx) => {
    const facts = await factsFrom(trx, user);
    const id = newId('principal');
    await takeName(trx, facts.name, null);
    await trx
      .insertInto('principals')
      .values({ id, kind: 'person', ...facts })
      .execute();
    await trx
      .insertInto('directory_users')
      .values({
        principal_id: id,
        user_name: user.userName,
        external_id: user.externalId ?? null,
        attributes: JSON.stringify(attributes),
        active: user.active ?? true,
      })
      .execute();
    await append(trx, {
      kind: 'principal.added',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: { principal: { id, name: facts.name, kind: 'person' }, groups: [], from: 'directory' },
    });
    const row = await userById(trx, id);
    if (user.active === false) await switchOff(trx, row, 'the directory', by);
    return viewUser(await userById(trx, id));
  });
}

export interface Change {
  id: string;
  /** The If-Match header; undefined: whatever it is now. */
  ifMatch: string | undefined;
}

/** What PUT leaves out is gone, but `active`, which then stays. Errors: as `createUser`, `unknown-user`, `scim-version`. */
export async function replaceUser(
  db: Db,
  change: Change,
  raw: ScimResource,
  by: Administrator,
): Promise<ScimResource> {
  return db.transaction().execute(async (trx) => {
    const row = await lockedUser(trx, change);
    return store(trx, row, read(raw), by);
  });
}

/** Errors: as `replaceUser`, and those of a path: `invalidPath`, `noTarget`, `mutability`. */
export async function patchUserBy(
  db: Db,
  change: Change,
  patch: ScimPatch,
  by: Administrator,
): Promise<ScimResource> {
  return db.transaction().execute(async (trx) => {
    const row = await lockedUser(trx, change);
    const { groups: _, ...current } = viewUser(row);
    return store(trx, row, read(await patchUser(current, patch)), by);
  });
}

/** Disabled at once, and its name is free again. The principal stays: the log speaks of it. Errors: `unknown-user`. */
export async function deleteUser(db: Db, change: Change, by: Administrator): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockedUser(trx, change);
    await switchOff(trx, row, 'deleted by the directory', by);
    await trx.deleteFrom('memberships').where('principal_id', '=', row.id).execute();
    await trx
      .updateTable('directory_users')
      .set({ deleted_at: sql<Date>`now()`, active: false, attributes: '{}', external_id: null })
      .where('principal_id', '=', row.id)
      .execute();
    // Somebody who is given the same name later is another principal.
    await trx.updateTable('principals').set({ name: row.id }).where('id', '=', row.id).execute();
    await append(trx, {
      kind: 'directory.user-deleted',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: {
        principal: { id: row.id, name: row.name, kind: row.kind },
        groups: row.groups.map((one) => one.display),
      },
    });
  });
}

async function lockedUser(trx: Trx, { id, ifMatch }: Change): Promise<UserRow> {
  const row = await userById(trx, id, true);
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== versionTag(row.version))
    throw versionMismatch();
  return row;
}

interface Read {
  attributes: ScimResource;
  user: ScimUser;
}

function read(raw: ScimResource): Read {
  const { id: _, meta: __, groups: ___, ...attributes } = userFrom(raw);
  if (JSON.stringify(attributes).length > LARGEST_ATTRIBUTES_CHARS)
    throw scimRefusal(
      'invalidValue',
      `A user's attributes are at most ${LARGEST_ATTRIBUTES_CHARS} characters.`,
    );
  return { attributes, user: readAs(scimUser, attributes) };
}

async function store(trx: Trx, row: UserRow, { attributes, user }: Read, by: Administrator) {
  const facts = await factsFrom(trx, user);
  const active = user.active ?? row.active;
  if (facts.name !== row.name) await takeName(trx, facts.name, row.id);
  await trx.updateTable('principals').set(facts).where('id', '=', row.id).execute();
  await trx
    .updateTable('directory_users')
    .set({
      user_name: user.userName,
      external_id: user.externalId ?? null,
      attributes: JSON.stringify(attributes),
      active,
      version: row.version + 1,
      changed_at: sql<Date>`now()`,
    })
    .where('principal_id', '=', row.id)
    .execute();
  await append(trx, {
    kind: 'directory.user-changed',
    actor: actorOf(by.principal),
    sourceAddress: by.sourceAddress,
    detail: {
      principal: { id: row.id, name: facts.name, kind: row.kind },
      ...(facts.name === row.name ? {} : { nameBefore: row.name }),
      attributes: changedNames(row.attributes, { ...attributes, active }, row.active),
      facts: logged(facts),
    },
  });
  if (!active) await switchOff(trx, row, 'the directory', by);
  else if (!row.active) await switchOn(trx, row, by);
  return viewUser(await userById(trx, row.id));
}

/** Names only: the log is no copy of the directory. */
function changedNames(before: ScimResource, after: ScimResource, activeBefore: boolean): string[] {
  const old: ScimResource = { ...before, active: activeBefore };
  const names = new Set([...Object.keys(old), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(old[name]) !== JSON.stringify(after[name])).sort();
}

/** What policy reads. */
function logged({ title, account_type: accountType, manager_id: managerId }: UserFacts) {
  return { title, accountType, managerId };
}

/** Errors: `scim-uniqueness`. */
async function takeName(trx: Trx, name: string, own: string | null): Promise<void> {
  // Two that want the same name come one after the other; the store's own constraint would be no 409.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`principal ${name}`}, 0))`.execute(trx);
  const holder = await trx
    .selectFrom('principals as p')
    .leftJoin('directory_users as d', 'd.principal_id', 'p.id')
    .select(['p.id', 'd.principal_id as from_directory'])
    .where('p.name', '=', name)
    .executeTakeFirst();
  if (holder === undefined || holder.id === own) return;
  throw notUnique(
    holder.from_directory === null
      ? `There is a principal "${name}" here that the directory did not bring. Rename one of them, or disable it and choose another name.`
      : `There is a user "${name}" already.`,
  );
}
