// Ending a grant, for `done`, `revoke` and the offer after `connect`: it is over when the target says so, and
// until then nothing here says that it is.

import { type Grant, grant as grantSchema } from '../api/grants.ts';
import { grantSentence } from './cards.ts';
import { type Api, path } from './client.ts';
import { EXIT, interrupted } from './exit-codes.ts';
import type { Run } from './run.ts';

const HOLD_SECONDS = 30;

/** Sends it, waits up to 30 s for the target's word (unless `wait` is false), prints where it stands. */
export async function endGrant(
  run: Run,
  api: Api,
  id: string,
  how: { act: 'done' | 'revoke'; reason?: string; wait: boolean },
): Promise<void> {
  const where = how.act === 'done' ? path`/api/grants/${id}/done` : path`/api/grants/${id}/revoke`;
  if (how.wait) run.out.live('Ending sessions and taking the rights away …');
  let grant: Grant;
  try {
    grant = await api.post(where, grantSchema, {
      body: how.reason === undefined ? {} : { reason: how.reason },
      waitSeconds: how.wait ? HOLD_SECONDS : 0,
    });
  } catch (error) {
    if (!run.interrupt.aborted) throw error;
    throw interrupted(
      'Stopped watching; if the server has heard it, the revocation goes on.',
      'See `sally grants`.',
    );
  } finally {
    run.out.settle();
  }
  run.out.data(grant, () => grantSentence(grant, api.nowMs()));
  const over = grant.state === 'revoked' || grant.state === 'cleanup-pending';
  if (how.wait && !over) run.finish(EXIT.timedOut);
}
