// What a change of a principal is: read from what somebody asks, checked against who keeps what, told in sentences, and
// written. The same set is read again when a second person confirms it, so nothing is kept that could be out of date.

import { sql } from 'kysely';
import type { PrincipalView } from '../api/people.ts';
import type { ChangePrincipalBody } from '../api/people-changes.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Principal, principalById, principalByName } from '../identity/principals.ts';
import { revokeAllOf } from '../identity/tokens.ts';

/** As it stands in the store while it waits: ids and group names, only what differs. */
export interface ChangeSet {
  displayName?: string;
  accountType?: string;
  title?: string | null;
  managerId?: string | null;
  sponsorId?: string;
  join?: string[];
  leave?: string[];
  enabled?: true;
}

type Asked = Omit<ChangePrincipalBody, 'reason'>;

/**
 * Only what differs from how it is. Errors: `unknown-principal` (manager, sponsor), `unknown-group`, `invalid-input`,
 * `kept-by-directory`, `kept-by-provider`.
 */
export async function changeFrom(db: Db | Trx, principal: Principal, asked: Asked): Promise<ChangeSet> {
  const set: ChangeSet = {};
  if (asked.displayName !== undefined && asked.displayName !== principal.displayName)
    set.displayName = asked.displayName;
  if (asked.accountType !== undefined && asked.accountType !== principal.accountType)
    set.accountType = asked.accountType;
  if (asked.title !== undefined && asked.title !== principal.title) set.title = asked.title;
  const managerId =
    asked.manager == null ? asked.manager : (await otherOf(db, principal, 'manager', asked.manager)).id;
  if (managerId !== undefined && managerId !== principal.managerId) set.managerId = managerId;
  if (asked.sponsor !== undefined) {
    if (principal.kind !== 'agent') throw invalid('sponsor', 'Only agents have a sponsor.');
    const sponsor = await otherOf(db, principal, 'sponsor', asked.sponsor);
    if (sponsor.id !== principal.sponsorId) set.sponsorId = sponsor.id;
  }
  const twice = asked.join.find((group) => asked.leave.includes(group));
  if (twice !== undefined) throw invalid('leave', `"${twice}" is to be joined and left at once.`);
  const join = [...new Set(asked.join)].filter((group) => !principal.groups.includes(group)).sort();
  const leave = [...new Set(asked.leave)].filter((group) => principal.groups.includes(group)).sort();
  await requireGroups(db, [...asked.join, ...asked.leave]);
  if (join.length > 0) set.join = join;
  if (leave.length > 0) set.leave = leave;
  return set;
}

async function otherOf(db: Db | Trx, principal: Principal, field: string, name: string): Promise<Principal> {
  const other = await principalByName(db, name);
  if (other.kind !== 'person') throw invalid(field, `A ${field} is a person.`);
  if (other.disabled) throw invalid(field, `${other.displayName} is disabled.`);
  if (other.id === principal.id || (other.samePersonAs ?? other.id) === principal.samePersonAs)
    throw invalid(field, `Nobody is their own ${field}.`);
  return other;
}

async function requireGroups(db: Db | Trx, names: string[]): Promise<void> {
  if (names.length === 0) return;
  const known = await db.selectFrom('groups').select('name').where('name', 'in', names).execute();
  const unknown = names.find((name) => !known.some((row) => row.name === name));
  if (unknown !== undefined)
    throw new Failure('not-found', 'unknown-group', `There is no group "${unknown}".`, {
      hint: 'Make it first: `sally group add`.',
    });
}

/** Errors: `kept-by-directory`, `kept-by-provider`, saying what and by whom. */
export function requireKeptHere(
  view: PrincipalView,
  set: ChangeSet,
  directoryGroups: readonly string[],
): void {
  const facts = (['displayName', 'accountType', 'title', 'managerId'] as const).filter(
    (field) => set[field] !== undefined,
  );
  if (view.fromDirectory && facts[0] !== undefined) {
    throw conflict(
      'kept-by-directory',
      `${view.displayName} is kept by the directory (SCIM): change it there.`,
      {
        field: fieldName(facts[0]),
      },
    );
  }
  const provided = facts.find((field) => view.providerKeeps.some((kept) => kept === field));
  if (provided !== undefined) {
    throw conflict(
      'kept-by-provider',
      `The identity provider says this of ${view.displayName} at each sign-in: change it there.`,
      { field: fieldName(provided) },
    );
  }
  for (const group of [...(set.join ?? []), ...(set.leave ?? [])]) {
    if (!directoryGroups.includes(group)) continue;
    throw conflict(
      'kept-by-directory',
      `Who is in the group "${group}" is decided by the directory (SCIM).`,
      {
        field: set.join?.includes(group) ? 'join' : 'leave',
      },
    );
  }
  const given = set.leave?.find((group) => view.providerGroups.includes(group));
  if (given !== undefined) {
    throw conflict(
      'kept-by-provider',
      `The identity provider gives the group "${given}" at each sign-in: change it there.`,
      {
        field: 'leave',
      },
    );
  }
}

const fieldName = (field: 'displayName' | 'accountType' | 'title' | 'managerId'): string =>
  field === 'managerId' ? 'manager' : field;

export function isNothing(set: ChangeSet): boolean {
  return Object.keys(set).length === 0;
}

/** The principal as it would be. */
export async function afterChange(db: Db | Trx, principal: Principal, set: ChangeSet): Promise<Principal> {
  const sponsorId = set.sponsorId ?? principal.sponsorId;
  const groups = [...principal.groups.filter((name) => !set.leave?.includes(name)), ...(set.join ?? [])];
  return {
    ...principal,
    displayName: set.displayName ?? principal.displayName,
    accountType: set.accountType ?? principal.accountType,
    title: set.title === undefined ? principal.title : set.title,
    managerId: set.managerId === undefined ? principal.managerId : set.managerId,
    sponsorId,
    sponsors: sponsorId === principal.sponsorId ? principal.sponsors : await sponsorsBy(db, sponsorId),
    groups: groups.sort(),
    disabled: set.enabled === true ? false : principal.disabled,
  };
}

async function sponsorsBy(db: Db | Trx, sponsorId: string | null): Promise<string[]> {
  if (sponsorId === null) return [];
  const sponsor = await principalById(db, sponsorId);
  return [sponsor.id, ...(sponsor.samePersonAs === null ? [] : [sponsor.samePersonAs]), ...sponsor.sponsors];
}

/** A sentence each; `nameOf` gives a principal's name. */
export function changeTexts(set: ChangeSet, nameOf: (id: string) => string): string[] {
  const texts: string[] = [];
  if (set.enabled === true) texts.push('Enabled again.');
  if (set.displayName !== undefined) texts.push(`Called “${set.displayName}”.`);
  if (set.accountType !== undefined) texts.push(`Account type: ${set.accountType}.`);
  if (set.title !== undefined) texts.push(`Title: ${set.title ?? 'none'}.`);
  if (set.managerId !== undefined)
    texts.push(`Manager: ${set.managerId === null ? 'nobody' : nameOf(set.managerId)}.`);
  if (set.sponsorId !== undefined) texts.push(`Sponsor: ${nameOf(set.sponsorId)}.`);
  for (const group of set.join ?? []) texts.push(`Joins the group ${group}.`);
  for (const group of set.leave ?? []) texts.push(`Leaves the group ${group}.`);
  return texts;
}

/** Errors: `still-ending` for who is enabled again while a grant from before is not over. */
export async function writeChange(
  trx: Trx,
  principal: Principal,
  set: ChangeSet,
  by: { actor: Actor; sourceAddress: string },
): Promise<void> {
  await trx
    .updateTable('principals')
    .set({
      display_name: set.displayName ?? principal.displayName,
      account_type: set.accountType ?? principal.accountType,
      title: set.title === undefined ? principal.title : set.title,
      manager_id: set.managerId === undefined ? principal.managerId : set.managerId,
      sponsor_id: set.sponsorId ?? principal.sponsorId,
    })
    .where('id', '=', principal.id)
    .execute();
  for (const group of set.join ?? []) await join(trx, principal.id, group);
  for (const group of set.leave ?? []) await leave(trx, principal.id, group);
  if (set.enabled === true) await enable(trx, principal, by);
}

async function join(trx: Trx, principalId: string, group: string): Promise<void> {
  await sql`insert into memberships (group_id, principal_id)
    select id, ${principalId} from groups where name = ${group} on conflict do nothing`.execute(trx);
}

async function leave(trx: Trx, principalId: string, group: string): Promise<void> {
  await sql`delete from memberships where principal_id = ${principalId}
    and group_id = (select id from groups where name = ${group})`.execute(trx);
}

// What was signed in before does not come to life again: whoever comes back signs in anew.
async function enable(
  trx: Trx,
  principal: Principal,
  by: { actor: Actor; sourceAddress: string },
): Promise<void> {
  const { rows } =
    await sql`select 1 from grants where principal_id = ${principal.id} and wanted = 'present' limit 1`.execute(
      trx,
    );
  if (rows.length > 0) {
    throw new Failure(
      'unavailable',
      'still-ending',
      'Grants from before are still being ended; try again in a moment.',
    );
  }
  await revokeAllOf(trx, principal.id, by.actor, by.sourceAddress);
  await trx.updateTable('principals').set({ disabled_at: null }).where('id', '=', principal.id).execute();
}

/** Errors: `unknown-principal`. Locked until the end of `trx`, so that two changes of one principal come in turn. */
export async function lockPrincipal(trx: Trx, name: string): Promise<Principal> {
  const row = await trx
    .selectFrom('principals')
    .select('id')
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound('principal', name);
  return principalById(trx, row.id);
}
