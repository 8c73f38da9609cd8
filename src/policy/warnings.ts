// What is no mistake in a policy and probably one all the same: an approver group that nobody is in, or a stage that
// wants more people than its groups have, so that what asks for their approval waits until it expires. A warning, because
// people may be on their way from a directory. Whoever is in a group can be put on call for it.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { compileAside } from './engine/compile-aside.ts';
import type { ApprovalStage } from './engine/facts.ts';
import { groupsOfStages, stagesOf } from './engine/stages.ts';
import type { PolicyFiles } from './publish.ts';

/** Sentences: one a group, then one a stage. Errors: those of `compileAside`. */
export async function policyWarnings(ctx: { db: Db }, files: PolicyFiles): Promise<string[]> {
  const compiled = await compileAside(files);
  const asked = askedGroups(compiled);
  if (asked.size === 0) return [];
  const people = await peopleIn(ctx.db, [...asked.keys()]);
  const empty = [...asked].flatMap(([group, policies]) => {
    const found = people.get(group);
    if (found !== undefined && found.size > 0) return [];
    const what = found === undefined ? `There is no group "${group}"` : `Nobody is in the group "${group}"`;
    return [
      `${what}, and ${policies.join(', ')} ${policies.length === 1 ? 'asks' : 'ask'} for its approval.`,
    ];
  });
  const short = compiled.rules.flatMap((rule) =>
    stagesOf(rule.notes.obligations).flatMap((stage) => {
      const lack = lackOf(stage, people);
      return lack === null ? [] : [`${rule.id} asks for ${lack}.`];
    }),
  );
  return [...empty, ...new Set(short)];
}

/** Each group's people by the id of the person behind the account; no entry for a group that is not there. */
async function peopleIn(db: Db, groups: string[]): Promise<Map<string, Set<string>>> {
  const rows = await db
    .selectFrom('groups as g')
    .leftJoin('memberships as m', 'm.group_id', 'g.id')
    .leftJoin('principals as p', (on) =>
      on.onRef('p.id', '=', 'm.principal_id').on('p.kind', '=', 'person').on('p.disabled_at', 'is', null),
    )
    .select(['g.name', sql<string | null>`coalesce(p.same_person_as, p.id)`.as('person')])
    .where('g.name', 'in', groups)
    .execute();
  const people = new Map<string, Set<string>>();
  for (const { name, person } of rows) {
    const known = people.get(name) ?? new Set();
    people.set(name, person === null ? known : known.add(person));
  }
  return people;
}

/** Null: there are enough, nobody at all (which is said of the group), or it is for the manager. */
function lackOf(stage: ApprovalStage, people: Map<string, Set<string>>): string | null {
  const groups = groupsOfStages([stage]);
  const able = new Set(groups.flatMap((group) => [...(people.get(group) ?? [])]));
  if (able.size === 0 || able.size >= stage.count) return null;
  const where = groups.map((group) => `"${group}"`).join(' and ');
  const has = able.size === 1 ? 'is only one person' : `are only ${able.size} people`;
  return `${stage.count} approvals from ${where}, where there ${has}`;
}

/** Ids of the policies that ask for a group's approval, by group. */
function askedGroups(compiled: CompiledPolicies): Map<string, string[]> {
  const asked = new Map<string, string[]>();
  for (const rule of compiled.rules) {
    for (const group of new Set(groupsOfStages(stagesOf(rule.notes.obligations))))
      asked.set(group, [...(asked.get(group) ?? []), rule.id]);
  }
  return asked;
}
