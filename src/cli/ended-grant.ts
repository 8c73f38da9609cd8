// A grant whose time has run out answers "not in this state"; people and scripts want to hear that it expired.

import { grant as grantSchema } from '../api/grants.ts';
import { Failure } from '../base/errors.ts';
import { type Api, path } from './client.ts';
import { clock } from './times.ts';

/** What to throw instead of `error`: `grant-expired` when that grant ended at its deadline, else `error` itself. */
export async function sayExpired(api: Api, id: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Failure) || error.kind !== 'conflict' || error.code === 'interrupted') return error;
  const grant = await api.get(path`/api/grants/${id}`, grantSchema);
  const now = api.nowMs();
  if (grant.expiresAt === null || Date.parse(grant.expiresAt) > now) return error;
  if (grant.endedAt !== null && grant.endedAt < grant.expiresAt) return error;
  return new Failure('conflict', 'grant-expired', `Grant ${id} ended at ${clock(grant.expiresAt, now)}.`, {
    hint: `Ask again: \`sally request ${grant.target} --task ${grant.task}\`.`,
    cause: error,
  });
}
