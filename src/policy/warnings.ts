// What is no mistake in a policy and probably one all the same: an approver group that nobody is in, so that what
// asks for its approval waits until it expires. A warning, because people may be on their way from a directory.

import type { Db } from '../db/client.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { compileAside } from './engine/compile-aside.ts';
import { groupsOfStages } from './engine/stages.ts';
import type { PolicyFiles } from './publish.ts';

/** Sentences, one a group. Errors: those of `compileAside`. */
export async function policyWarnings(ctx: { db: Db }, files: PolicyFiles): Promise<string[]> {
  const asked = askedGroups(await compileAside(files));
  if (asked.size === 0) return [];
  const rows = await ctx.db
    .selectFrom('groups as g')
    .select(({ exists, selectFrom }) => [
      'g.name',
      exists(
        selectFrom('memberships as m')
          .innerJoin('principals as p', 'p.id', 'm.principal_id')
          .select('m.group_id')
          .whereRef('m.group_id', '=', 'g.id')
          .where('p.kind', '=', 'person')
          .where('p.disabled_at', 'is', null),
      ).as('peopled'),
    ])
    .where('g.name', 'in', [...asked.keys()])
    .execute();
  return [...asked].flatMap(([group, policies]) => {
    const found = rows.find((row) => row.name === group);
    if (found?.peopled === true || found?.peopled === 1) return [];
    const what = found === undefined ? `There is no group "${group}"` : `Nobody is in the group "${group}"`;
    return [
      `${what}, and ${policies.join(', ')} ${policies.length === 1 ? 'asks' : 'ask'} for its approval.`,
    ];
  });
}

/** Ids of the policies that ask for a group's approval, by group. */
function askedGroups(compiled: CompiledPolicies): Map<string, string[]> {
  const asked = new Map<string, string[]>();
  for (const rule of compiled.rules) {
    for (const group of new Set(groupsOfStages(rule.notes.obligations.approvals)))
      asked.set(group, [...(asked.get(group) ?? []), rule.id]);
  }
  return asked;
}
