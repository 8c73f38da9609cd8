// Targets, tasks, checks, standing access.

import { queryOptions } from '@tanstack/react-query';
import { z } from 'zod';
import { hostKeys } from '../../src/api/hosts.ts';
import {
  type AddTargetBody,
  type AddTaskBody,
  type CheckReport,
  checkReport,
  standingAccess,
  type Target,
  type Task,
  target,
  task,
} from '../../src/api/targets.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const listOf = <Item extends z.ZodType>(item: Item) => z.object({ items: z.array(item) });

export const targetsQuery = queryOptions({
  queryKey: ['targets'],
  queryFn: async ({ signal }) => (await get(listOf(target), apiPath.targets(), signal)).items,
  staleTime: 15_000,
});

export const tasksQuery = queryOptions({
  queryKey: ['tasks'],
  queryFn: async ({ signal }) => (await get(listOf(task), apiPath.tasks(), signal)).items,
  staleTime: 15_000,
});

/** Asked for by hand only: it makes the target itself list its roles. */
export const standingAccessQuery = (name: string) =>
  queryOptions({
    queryKey: ['standing-access', name],
    queryFn: async ({ signal }) =>
      (await get(listOf(standingAccess), apiPath.standingAccess(name), signal)).items,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

export const checkTarget = (name: string): Promise<CheckReport> =>
  post(checkReport, apiPath.targetCheck(name));
/** The keys that a host shows, for a person to compare. */
export const askHostKeys = async (at: {
  host: string;
  port: number;
}): Promise<z.infer<typeof hostKeys>['items']> => (await post(hostKeys, apiPath.hostKeys(), at)).items;
export const addTarget = (body: AddTargetBody): Promise<Target> => post(target, apiPath.targets(), body);
export const addTask = (body: AddTaskBody): Promise<Task> => post(task, apiPath.tasks(), body);

export const changeCredential = (
  name: string,
  body: { user?: string; password: string },
): Promise<CheckReport> => post(checkReport, apiPath.targetCredential(name), body);
export const changeNodes = (name: string, nodes: { host: string; port: number }[]): Promise<CheckReport> =>
  post(checkReport, apiPath.targetSettings(name), { settings: { nodes: nodes.length === 0 ? null : nodes } });
