// Waiting for access: the server holds each answer back until something is decided, so one hears of it at once;
// meanwhile a look every few seconds keeps the line that says who has seen the card.

import { type Submitted, submitted } from '../api/requests.ts';
import { formatDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import { waitingText } from './cards.ts';
import { type Api, path } from './client.ts';
import { EXIT, type ExitCode, interrupted } from './exit-codes.ts';
import type { Run } from './run.ts';

const HOLD_SECONDS = 25;
const LOOK_EVERY_MS = 2000;
/** A server that answers at once is not asked in a tight loop. */
const SHORTEST_ROUND_MS = 250;
/** A server that restarts keeps the request; how long it may be away before we give up. */
const SERVER_AWAY_MS = 60_000;
const RETRY_MS = 1000;

/** True when waiting longer changes nothing: refused, or the grant is active or already over. */
export function isSettled({ request, grant }: Submitted): boolean {
  if (request.state === 'pending') return false;
  if (request.state !== 'approved') return true;
  return grant !== null && grant.state !== 'planned' && grant.state !== 'granting';
}

/** How `request --wait` and `connect` end, by what became of it. */
export function exitCodeFor({ request, grant }: Submitted): ExitCode {
  if (request.state === 'denied' || request.state === 'cancelled') return EXIT.denied;
  if (request.state === 'expired') return EXIT.expired;
  if (grant === null || ['planned', 'granting', 'active'].includes(grant.state)) return EXIT.done;
  return grant.expiresAt !== null && grant.endedAt !== null && grant.endedAt >= grant.expiresAt
    ? EXIT.expired
    : EXIT.failed;
}

/**
 * The request and its grant once settled, or as they are when `timeoutSeconds` (null: no limit of ours, the request
 * expires by itself) have passed. Errors: `interrupted`, saying that the request stays; whatever the server says.
 */
export async function waitForAccess(
  run: Run,
  api: Api,
  first: Submitted,
  timeoutSeconds: number | null,
): Promise<Submitted> {
  const { id } = first.request;
  const endsAt = timeoutSeconds === null ? Number.POSITIVE_INFINITY : monotonicMs() + timeoutSeconds * 1000;
  const stopLooking = new AbortController();
  let latest = first;
  const note = (now: Submitted) => {
    latest = now;
    run.out.live(liveText(now, api.nowMs()));
  };
  if (!isSettled(first)) note(first);
  const looking =
    process.stderr.isTTY === true && !run.out.json
      ? look(api, id, note, stopLooking.signal)
      : Promise.resolve();
  try {
    while (!isSettled(latest) && monotonicMs() < endsAt) {
      const began = monotonicMs();
      const hold = Math.max(0, Math.min(HOLD_SECONDS, Math.ceil((endsAt - began) / 1000)));
      note(await patiently(run, () => api.get(path`/api/requests/${id}`, submitted, { waitSeconds: hold })));
      if (!isSettled(latest)) await sleep(SHORTEST_ROUND_MS - (monotonicMs() - began), run.interrupt);
    }
    return latest;
  } catch (error) {
    if (!run.interrupt.aborted) throw error;
    throw stillThere(latest);
  } finally {
    stopLooking.abort();
    await looking;
    run.out.settle();
  }
}

/** Calls `ask` again while the server is away (a restart), for a bounded time. */
async function patiently<T>(run: Run, ask: () => Promise<T>): Promise<T> {
  const givesUpAt = monotonicMs() + SERVER_AWAY_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const away = error instanceof Failure && error.code === 'server-unreachable';
      if (!away || run.interrupt.aborted || monotonicMs() > givesUpAt) throw error;
      run.out.live('The server is away for a moment; the request stays. Trying again …');
      await sleep(RETRY_MS, run.interrupt);
    }
  }
}

async function look(api: Api, id: string, note: (now: Submitted) => void, stop: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(LOOK_EVERY_MS, stop);
    if (stop.aborted) return;
    try {
      const now = await api.get(path`/api/requests/${id}`, submitted, { signal: stop });
      if (!stop.aborted && !isSettled(now)) note(now);
    } catch {
      // The held call tells of every failure; this look is only for show.
    }
  }
}

function liveText({ request, grant }: Submitted, nowMs: number): string {
  if (request.state === 'pending') return waitingText(request, nowMs);
  return grant?.state === 'planned'
    ? 'Approved; the grant starts later.'
    : `Approved; making the login on ${request.target.name} …`;
}

function stillThere({ request }: Submitted): Failure {
  return request.state === 'pending'
    ? interrupted(
        `Stopped waiting; request ${request.id} stays pending.`,
        `Wait on: \`sally connect ${request.target.name} --task ${request.task.name} --for ${formatDuration(request.durationSeconds)}\`. Take it back: \`sally cancel ${request.id}\`.`,
      )
    : interrupted(
        `Stopped waiting; request ${request.id} is ${request.state}.`,
        'See `sally grants --mine`; give it back with `sally done <grant-id>`.',
      );
}
