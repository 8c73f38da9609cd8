// Waiting for a request to be decided and its grant to be active, or for a grant to be over: woken by events, with a
// look at the store in between, because an event is only a hint.

import type { GrantState } from '../api/grants.ts';
import { after, monotonicMs } from '../base/timer.ts';
import type { Event } from '../events/events.ts';
import type { GrantsContext } from './context.ts';
import { type GrantViewRow, loadGrant } from './grant-view.ts';
import { grantState } from './transitions.ts';

export const LONGEST_WAIT_SECONDS = 60;
const LOOK_AGAIN_MS = 1_000;

type WaitContext = Pick<GrantsContext, 'events' | 'db'>;

export interface Patience {
  /** At most LONGEST_WAIT_SECONDS are waited. */
  seconds: number;
  /** Whoever asked is gone. */
  signal?: AbortSignal;
  /** The step that this process is taking for it, where it is: what that settles needs no look. */
  step?: Promise<GrantViewRow | null> | null;
}

/** What `look` finds, or null when the time is up first. */
async function until<T>(
  ctx: Pick<GrantsContext, 'events'>,
  wanted: (event: Event) => boolean,
  { seconds, signal }: Patience,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const endsAt = monotonicMs() + Math.min(seconds, LONGEST_WAIT_SECONDS) * 1000;
  let ring: () => void = () => undefined;
  let rung = true;
  const hear = () => {
    rung = true;
    ring();
  };
  const unsubscribe = ctx.events.subscribe((event) => wanted(event) && hear());
  signal?.addEventListener('abort', hear, { once: true });
  try {
    while (true) {
      const leftMs = endsAt - monotonicMs();
      if (!rung) {
        const rings = new Promise<void>((resolve) => {
          ring = resolve;
        });
        const timer = after(Math.max(0, Math.min(leftMs, LOOK_AGAIN_MS)), ring);
        await rings;
        timer.cancel();
      }
      rung = false;
      const found = await look();
      if (found !== null || leftMs <= 0 || signal?.aborted === true) return found;
    }
  } finally {
    unsubscribe();
    signal?.removeEventListener('abort', hear);
  }
}

/**
 * The grant, once the request is decided and the grant active or over; null when it was refused, or the time is up.
 * `grantId` is that of the request where it is known already.
 */
export async function waitForAccess(
  ctx: WaitContext,
  requestId: string,
  grantId: string | null,
  patience: Patience,
): Promise<GrantViewRow | null> {
  const startedAt = monotonicMs();
  const decided = grantId === null ? await waitForDecision(ctx, requestId, patience) : { grantId };
  if (decided === null || decided.grantId === null) return null;
  const seconds = patience.seconds - (monotonicMs() - startedAt) / 1000;
  return waitForGrant(ctx, decided.grantId, (state) => state !== 'granting', { ...patience, seconds });
}

/** The grant, once the target has said that it is over (or that only its empty identity is left). */
export function waitForEnd(
  ctx: WaitContext,
  grantId: string,
  patience: Patience,
): Promise<GrantViewRow | null> {
  const over = (state: GrantState) => state === 'revoked' || state === 'cleanup-pending';
  return waitForGrant(ctx, grantId, over, patience);
}

function waitForDecision(
  ctx: WaitContext,
  requestId: string,
  patience: Patience,
): Promise<{ grantId: string | null } | null> {
  return until(
    ctx,
    (event) => event.topic === 'requests' && event.id === requestId,
    patience,
    async () => {
      const row = await ctx.db
        .selectFrom('requests as r')
        .leftJoin('grants as g', 'g.request_id', 'r.id')
        .select(['r.state', 'g.id as grantId'])
        .where('r.id', '=', requestId)
        .executeTakeFirst();
      return row?.state === 'pending' ? null : { grantId: row?.grantId ?? null };
    },
  );
}

async function waitForGrant(
  ctx: WaitContext,
  grantId: string,
  enough: (state: GrantState) => boolean,
  patience: Patience,
): Promise<GrantViewRow | null> {
  const startedAt = monotonicMs();
  const settled = patience.step == null ? null : await orTimeUp(patience.step, patience);
  if (settled !== null && enough(grantState(settled))) return settled;
  const seconds = patience.seconds - (monotonicMs() - startedAt) / 1000;
  return until(
    ctx,
    (event) => event.topic === 'grants' && event.id === grantId && event.act !== 'ending',
    { ...patience, seconds },
    async () => {
      const row = await loadGrant(ctx, grantId);
      return row === undefined || !enough(grantState(row)) ? null : row;
    },
  );
}

function orTimeUp<T>(work: Promise<T>, { seconds, signal }: Patience): Promise<T | null> {
  return new Promise((resolve) => {
    const finish = (value: T | null) => {
      timer.cancel();
      signal?.removeEventListener('abort', giveUp);
      resolve(value);
    };
    const giveUp = () => finish(null);
    const timer = after(Math.min(seconds, LONGEST_WAIT_SECONDS) * 1000, giveUp);
    signal?.addEventListener('abort', giveUp, { once: true });
    work.then(finish, giveUp);
  });
}
