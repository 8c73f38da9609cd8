// Who people, services and agents are, with the facts that policy asks of them. One query loads a principal whole.

import { sql } from 'kysely';
import type { PrincipalRef } from '../api/people.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';

export interface Principal {
  id: string;
  kind: 'person' | 'service' | 'agent';
  name: string;
  displayName: string;
  accountType: string;
  title: string | null;
  managerId: string | null;
  sponsorId: string | null;
  /** The first account of the person whose further account this is, through accounts of accounts; or null. */
  samePersonAs: string | null;
  /** All accounts that answer for this one: its sponsor, the person behind that, their sponsor, and so on. */
  sponsors: string[];
  /** Groups that they are on call for now, by the schedule. */
  onCallFor: string[];
  disabled: boolean;
  groups: string[];
}

/** Built-in groups that hold the rights over Sallyport itself. */
export const ADMINISTRATORS = 'administrators';
export const AUDITORS = 'auditors';
/** Services in it may be a directory: with a token of the scope `scim` they keep people and groups. */
export const DIRECTORY = 'directory';

/** The columns and the sub-select for groups; `from principals as p` must be in the query. */
export function selectPrincipals(db: Db | Trx) {
  return db
    .selectFrom('principals as p')
    .select([
      'p.id',
      'p.kind',
      'p.name',
      'p.display_name',
      'p.account_type',
      'p.title',
      'p.manager_id',
      'p.sponsor_id',
      'p.disabled_at',
    ])
    .select([
      SAME_PERSON.as('same_person_as'),
      SPONSORS.as('sponsors'),
      GROUPS.as('groups'),
      onCallAt('now()').as('on_call_for'),
    ]);
}

const MOST_STEPS_UP = 10;

/** From the account `start` (SQL) up by `next`, an expression over `q`: every account on the way. */
const wayUp = (start: string, next: string) => sql`
  with recursive up as (
    select ${sql.raw(start)} as id, 0 as step
    union all
    select ${sql.raw(next)}, up.step + 1 from principals q join up on q.id = up.id
    where ${sql.raw(next)} is not null and up.step < ${sql.lit(MOST_STEPS_UP)})`;
const SAME_PERSON = sql<string | null>`case when p.same_person_as is not null then (
  ${wayUp('p.same_person_as', 'q.same_person_as')} select id from up order by step desc limit 1) end`;
const SPONSORS = sql<string[]>`case when p.sponsor_id is null then '{}'::text[] else array(
  ${wayUp('p.sponsor_id', 'coalesce(q.same_person_as, q.sponsor_id)')} select id from up order by step) end`;

const GROUPS = sql<string[]>`array(select g.name from groups g where g.id in (
    select m.group_id from memberships m where m.principal_id = p.id
    union all select m.group_id from provider_memberships m where m.principal_id = p.id) order by g.name)`;

/** The groups that `p` is on call for at `moment` (SQL): by a shift, and while they are in the group. */
export const onCallAt = (moment: string) => sql<
  string[]
>`array(select distinct g.name from on_call_shifts s join groups g on g.id = s.group_id
    join memberships m on m.group_id = g.id and m.principal_id = p.id
    where s.principal_id = p.id and s.from_at <= ${sql.raw(moment)} and s.until_at > ${sql.raw(moment)}
      and (s.ended_at is null or s.ended_at > ${sql.raw(moment)}) order by g.name)`;

/** The same columns for a statement that is written out: authentication comes with every call. */
export const PRINCIPAL_COLUMNS = sql`p.id, p.kind, p.name, p.display_name, p.account_type, p.title, p.manager_id,
  p.sponsor_id, p.disabled_at, ${SAME_PERSON} as same_person_as, ${SPONSORS} as sponsors,
  ${GROUPS} as groups, ${onCallAt('now()')} as on_call_for`;

export type PrincipalRow = Awaited<
  ReturnType<ReturnType<typeof selectPrincipals>['executeTakeFirstOrThrow']>
>;

export function principalFrom(row: PrincipalRow): Principal {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    displayName: row.display_name,
    accountType: row.account_type,
    title: row.title,
    managerId: row.manager_id,
    sponsorId: row.sponsor_id,
    samePersonAs: row.same_person_as,
    sponsors: row.sponsors,
    onCallFor: row.on_call_for,
    disabled: row.disabled_at !== null,
    groups: row.groups,
  };
}

export async function principalById(db: Db | Trx, id: string): Promise<Principal> {
  const row = await selectPrincipals(db).where('p.id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('principal', id);
  return principalFrom(row);
}

export async function principalByName(db: Db | Trx, name: string): Promise<Principal> {
  const row = await selectPrincipals(db).where('p.name', '=', name).executeTakeFirst();
  if (row === undefined) throw notFound('principal', name);
  return principalFrom(row);
}

/** By id; those that do not exist are left out. */
export async function principalsById(db: Db | Trx, ids: readonly string[]): Promise<Map<string, Principal>> {
  if (ids.length === 0) return new Map();
  const rows = await selectPrincipals(db).where('p.id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.id, principalFrom(row)]));
}

/** Everyone who is not disabled, for finding who could approve. At most `limit`. */
export async function activePeople(db: Db | Trx, limit: number): Promise<Principal[]> {
  const rows = await selectPrincipals(db)
    .where('p.kind', '=', 'person')
    .where('p.disabled_at', 'is', null)
    .orderBy('p.name')
    .limit(limit)
    .execute();
  return rows.map(principalFrom);
}

/** Everyone and everything that is not disabled, by name. At most `limit`. */
export async function activePrincipals(db: Db | Trx, limit: number): Promise<Principal[]> {
  const rows = await selectPrincipals(db)
    .where('p.disabled_at', 'is', null)
    .orderBy('p.name')
    .limit(limit)
    .execute();
  return rows.map(principalFrom);
}

export function refOf(principal: Pick<Principal, 'id' | 'name' | 'displayName' | 'kind'>): PrincipalRef {
  return { id: principal.id, name: principal.name, displayName: principal.displayName, kind: principal.kind };
}

export function actorOf(principal: Pick<Principal, 'id' | 'name' | 'kind'>): Actor {
  return { id: principal.id, name: principal.name, kind: principal.kind };
}

export interface NewPrincipal {
  kind: Principal['kind'];
  name: string;
  displayName: string;
  accountType?: string;
  title?: string;
  sponsorId?: string;
  samePersonAs?: string;
  managerId?: string;
  groups: string[];
}

/** Creates a principal and the groups that it names. Errors: conflict `principal-exists`, `directory-group`. */
export async function createPrincipal(
  trx: Trx,
  input: NewPrincipal,
  by: Actor,
  sourceAddress?: string,
): Promise<Principal> {
  const id = newId('principal');
  const inserted = await trx
    .insertInto('principals')
    .values({
      id,
      kind: input.kind,
      name: input.name,
      display_name: input.displayName,
      account_type: input.accountType ?? (input.kind === 'person' ? 'employee' : input.kind),
      title: input.title ?? null,
      sponsor_id: input.sponsorId ?? null,
      same_person_as: input.samePersonAs ?? null,
      manager_id: input.managerId ?? null,
    })
    .onConflict((oc) => oc.column('name').doNothing())
    .executeTakeFirst();
  if (Number(inserted.numInsertedOrUpdatedRows ?? 0) === 0) {
    throw conflict('principal-exists', `There is already a principal "${input.name}".`);
  }
  for (const group of input.groups) await addToGroup(trx, id, group);
  await append(trx, {
    kind: 'principal.added',
    actor: by,
    sourceAddress,
    detail: { principal: { id, name: input.name, kind: input.kind }, groups: input.groups },
  });
  return principalById(trx, id);
}

/** A group of that name, made when there is none. */
export async function ensureGroup(trx: Trx, group: string): Promise<void> {
  await trx
    .insertInto('groups')
    .values({ id: newId('group'), name: group })
    .onConflict((oc) => oc.column('name').doNothing())
    .execute();
}

async function addToGroup(trx: Trx, principalId: string, group: string): Promise<void> {
  const kept = await trx
    .selectFrom('directory_groups as d')
    .innerJoin('groups as g', 'g.id', 'd.group_id')
    .select('g.id')
    .where('g.name', '=', group)
    .executeTakeFirst();
  if (kept !== undefined)
    throw conflict('directory-group', `Who is in the group "${group}" is decided by the directory.`);
  await ensureGroup(trx, group);
  await trx
    .insertInto('memberships')
    .columns(['group_id', 'principal_id'])
    .expression((eb) =>
      eb
        .selectFrom('groups')
        .where('name', '=', group)
        .select(['id', sql.val(principalId).as('principal_id')]),
    )
    .onConflict((oc) => oc.doNothing())
    .execute();
}
