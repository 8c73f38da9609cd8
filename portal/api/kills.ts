// Kill switches: those in force, all of them, pressing and lifting.

import { queryOptions } from '@tanstack/react-query';
import { type Kill, type KillScope, kill } from '../../src/api/kills.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const MOST_SHOWN = 50;
const killPage = pageOf(kill);
/** Revocations are confirmed one by one, and not every confirmation is a hint about this. */
const LOOK_EVERY_MS = 2_000;

const isUnderWay = ({ progress }: Kill) => progress !== null && progress.gone < progress.grants;

export const killsQuery = (state: 'in-force' | 'lifted') =>
  queryOptions({
    queryKey: ['kills', state],
    queryFn: async ({ signal }) =>
      (await get(killPage, apiPath.kills({ state, limit: MOST_SHOWN }), signal)).items,
    refetchInterval: ({ state: { data } }) => (data?.some(isUnderWay) === true ? LOOK_EVERY_MS : false),
  });

export interface Press {
  scope: KillScope;
  name: string;
  reason: string;
  confirm: string;
}

export const pressKill = (body: Press): Promise<Kill> => post(kill, apiPath.kills(), body);
export const liftKill = (id: string, reason: string): Promise<Kill> =>
  post(kill, apiPath.liftKill(id), { reason });
