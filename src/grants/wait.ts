// Waiting for a request to be decided and its grant to be active, or for a grant to be over: woken by events, with a
// look at the store in between, because an event is only a hint.

import { monotonicMs } from '../base/timer.ts';
import type { Event } from '../events/events.ts';
import type { GrantsContext } from './context.ts';
import { grantState } from './transitions.ts';

export const LONGEST_WAIT_SECONDS = 60;
const LOOK_AGAIN_MS = 1_000;

/** Until `look` says true or the time is up; says which. */
async function until(
  ctx: Pick<GrantsContext, 'events'>,
  wanted: (event: Event) => boolean,
  seconds: number,
  look: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const endsAt = monotonicMs() + Math.min(seconds, LONGEST_WAIT_SECONDS) * 1000;
  while (true) {
    const leftMs = endsAt - monotonicMs();
    const waiting = new AbortController();
    const woken = ctx.events.next(wanted, Math.max(0, Math.min(leftMs, LOOK_AGAIN_MS)), waiting.signal);
    try {
      if (await look()) return true;
      if (leftMs <= 0 || signal?.aborted === true) return false;
      await woken;
    } finally {
      waiting.abort();
    }
  }
}

/** True when the request is refused or over, or its grant is active or over. */
export function waitForAccess(
  ctx: Pick<GrantsContext, 'events' | 'db'>,
  requestId: string,
  seconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  return until(
    ctx,
    (event) => event.topic === 'grants' || (event.topic === 'requests' && event.id === requestId),
    seconds,
    async () => {
      const row = await ctx.db
        .selectFrom('requests as r')
        .leftJoin('grants as g', 'g.request_id', 'r.id')
        .select(['r.state', 'g.wanted', 'g.observed'])
        .where('r.id', '=', requestId)
        .executeTakeFirst();
      if (row === undefined || row.state !== 'approved') return row?.state !== 'pending';
      return (
        row.wanted !== null &&
        row.observed !== null &&
        !(row.wanted === 'present' && row.observed === 'unknown')
      );
    },
    signal,
  );
}

/** True when the target has said that the grant is over (or that only its empty identity is left). */
export function waitForEnd(
  ctx: Pick<GrantsContext, 'events' | 'db'>,
  grantId: string,
  seconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  return until(
    ctx,
    (event) => event.topic === 'grants' && event.id === grantId,
    seconds,
    async () => {
      const row = await ctx.db
        .selectFrom('grants')
        .select(['wanted', 'observed'])
        .where('id', '=', grantId)
        .executeTakeFirst();
      return row === undefined || ['revoked', 'cleanup-pending'].includes(grantState(row));
    },
    signal,
  );
}
