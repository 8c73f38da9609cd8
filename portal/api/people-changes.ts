// People, groups and changes of people: asked for and changed.

import { queryOptions } from '@tanstack/react-query';
import { z } from 'zod';
import { type PrincipalView, principal, token } from '../../src/api/people.ts';
import {
  type ChangedPrincipal,
  changedPrincipal,
  type changePrincipalBody,
  type GroupView,
  group,
  type PeopleChange,
  peopleChange,
} from '../../src/api/people-changes.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';
import { queries } from './query-client.ts';

const listed = <S extends z.ZodType>(item: S) => z.object({ items: z.array(item) });

export const groupsQuery = queryOptions({
  queryKey: ['people', 'groups'],
  queryFn: async ({ signal }) => (await get(listed(group), apiPath.groups(), signal)).items,
});

export const peopleChangesQuery = queryOptions({
  queryKey: ['people', 'changes'],
  queryFn: async ({ signal }) => (await get(listed(peopleChange), apiPath.peopleChanges(), signal)).items,
});

export const tokensQuery = (name: string) =>
  queryOptions({
    queryKey: ['people', 'tokens', name],
    queryFn: async ({ signal }) => (await get(listed(token), apiPath.principalTokens(name), signal)).items,
  });

export const changePrincipal = (
  name: string,
  body: z.input<typeof changePrincipalBody>,
): Promise<ChangedPrincipal> => post(changedPrincipal, apiPath.principal(name, 'change'), body);
export const enablePrincipal = (name: string, reason: string): Promise<ChangedPrincipal> =>
  post(changedPrincipal, apiPath.principal(name, 'enable'), { reason });
export const disablePrincipal = (name: string, reason: string): Promise<PrincipalView> =>
  post(principal, apiPath.principal(name, 'disable'), { reason });
export const revokeToken = (name: string, id: string): Promise<unknown> =>
  post(token, apiPath.revokeToken(name, id));
export const addGroup = (name: string): Promise<GroupView> => post(group, apiPath.groups(), { name });
export const deleteGroup = (name: string): Promise<GroupView> => post(group, apiPath.deleteGroup(name));
export const confirmChange = (id: string): Promise<ChangedPrincipal> =>
  post(changedPrincipal, apiPath.peopleChange(id, 'confirm'));
export const refuseChange = (id: string, reason: string): Promise<PeopleChange> =>
  post(peopleChange, apiPath.peopleChange(id, 'refuse'), { reason });

/** After any of these. */
export async function peopleChanged(): Promise<void> {
  await queries.invalidateQueries({ queryKey: ['people'] });
  await queries.invalidateQueries({ queryKey: ['principals'] });
}
