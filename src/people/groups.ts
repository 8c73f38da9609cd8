// Groups that are kept by hand: listed with what they give and what names them, made, and deleted while nothing does.

import { sql } from 'kysely';
import type { GroupView } from '../api/people-changes.ts';
import { append } from '../audit/append.ts';
import { conflict, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { ADMINISTRATORS, AUDITORS, actorOf, DIRECTORY } from '../identity/principals.ts';
import { groupConfers, policiesNaming } from './confers.ts';

const MOST_GROUPS = 2_000;
const MEMBERS_SHOWN = 200;
const POLICIES_NAMED = 20;
/** Sallyport's own code speaks of these. */
const BUILT_IN = [ADMINISTRATORS, AUDITORS, DIRECTORY];

interface GroupRow {
  name: string;
  directory: boolean;
  member_count: number;
  members: GroupView['members'];
  shifts: number;
  segments: string[];
  provided: number;
}

/** By name, at most 2,000. */
export async function listGroups(ctx: GrantsContext): Promise<GroupView[]> {
  return (await readGroups(ctx.db, null)).map((row) => viewGroup(ctx, row));
}

/** Errors: `group-exists`. */
export async function addGroup(ctx: GrantsContext, name: string, by: Caller): Promise<GroupView> {
  return ctx.db.transaction().execute(async (trx) => {
    const made = await trx
      .insertInto('groups')
      .values({ id: newId('group'), name })
      .onConflict((oc) => oc.column('name').doNothing())
      .executeTakeFirst();
    if (Number(made.numInsertedOrUpdatedRows ?? 0) === 0)
      throw conflict('group-exists', `There is already a group "${name}".`, { field: 'name' });
    await append(trx, {
      kind: 'group.added',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: { group: name },
    });
    return oneGroup(ctx, trx, name);
  });
}

/** Its members leave it. Errors: `unknown-group`; `kept-by-directory`; `group-in-use`, which says what names it. */
export async function deleteGroup(ctx: GrantsContext, name: string, by: Caller): Promise<GroupView> {
  await ctx.policies.refresh();
  return ctx.db.transaction().execute(async (trx) => {
    await sql`select 1 from groups where name = ${name} for update`.execute(trx);
    const group = await oneGroup(ctx, trx, name);
    if (group.keptBy === 'directory')
      throw conflict(
        'kept-by-directory',
        `The group "${name}" is kept by the directory (SCIM): delete it there.`,
      );
    if (group.namedBy.length > 0) {
      throw conflict('group-in-use', `The group "${name}" is named by ${group.namedBy.join(', ')}.`, {
        hint: 'Take it out there first.',
        facts: { namedBy: group.namedBy },
      });
    }
    const id = sql`(select id from groups where name = ${name})`;
    await sql`delete from on_call_shifts where group_id = ${id}`.execute(trx);
    await sql`delete from memberships where group_id = ${id}`.execute(trx);
    await sql`delete from groups where name = ${name}`.execute(trx);
    await append(trx, {
      kind: 'group.deleted',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: {
        group: name,
        members: group.members.map((one) => one.principal.name),
        count: group.memberCount,
      },
    });
    return group;
  });
}

async function oneGroup(ctx: GrantsContext, db: Db | Trx, name: string): Promise<GroupView> {
  const [row] = await readGroups(db, name);
  if (row === undefined) throw notFound('group', name);
  return viewGroup(ctx, row);
}

async function readGroups(db: Db | Trx, name: string | null): Promise<GroupRow[]> {
  const { rows } = await sql<GroupRow>`
    with members as (
      select group_id, principal_id, false as provider from memberships
      union all select m.group_id, m.principal_id, true from provider_memberships m where not exists (
        select 1 from memberships o where o.group_id = m.group_id and o.principal_id = m.principal_id))
    select g.name, d.group_id is not null as directory,
      (select count(*) from members m where m.group_id = g.id)::int as member_count,
      (select count(*) from on_call_shifts s
        where s.group_id = g.id and s.ended_at is null and s.until_at > now())::int as shifts,
      array(select path from segments where owner = g.name order by path) as segments,
      (select count(*) from provider_memberships m where m.group_id = g.id)::int as provided,
      coalesce((select jsonb_agg(jsonb_build_object('principal', jsonb_build_object(
          'id', p.id, 'name', p.name, 'displayName', p.display_name, 'kind', p.kind),
        'by', case when m.provider then 'provider' when d.group_id is not null then 'directory' else 'hand' end) order by p.name)
        from (select m.principal_id, m.provider from members m join principals q on q.id = m.principal_id
          where m.group_id = g.id order by q.name limit ${MEMBERS_SHOWN}) m
          join principals p on p.id = m.principal_id), '[]') as members
    from groups g left join directory_groups d on d.group_id = g.id
    where ${name === null} or g.name = ${name} order by g.name limit ${MOST_GROUPS}`.execute(db);
  return rows;
}

function viewGroup(ctx: GrantsContext, row: GroupRow): GroupView {
  const policies = ctx.policies.current();
  const named = policiesNaming(policies, row.name);
  return {
    name: row.name,
    keptBy: row.directory ? 'directory' : 'here',
    memberCount: row.member_count,
    members: row.members,
    namedBy: [
      ...named.slice(0, POLICIES_NAMED).map((id) => `the policy ${id}`),
      ...(named.length > POLICIES_NAMED ? [`${named.length - POLICIES_NAMED} more policies`] : []),
      ...(row.shifts > 0 ? [`${row.shifts} on-call ${row.shifts === 1 ? 'shift' : 'shifts'}`] : []),
      ...row.segments.map((path) => `the segment ${path} (owner)`),
      ...(row.provided > 0 ? ['the identity provider, by its mapping'] : []),
      ...(BUILT_IN.includes(row.name) ? ['Sallyport itself'] : []),
    ],
    confers: groupConfers(policies, row.name),
  };
}
