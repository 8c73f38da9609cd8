// How a grant goes with its sessions, as policies write it: `@use("once")`, `@clock("first-connection within 30m")`,
// `@softLanding("30s")`. The first takes something away, so any permit brings it; the other two give more time, so they
// hold only where every determining permit has them, at the shortest.

import { parseDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { Obligations, SessionUse } from './facts.ts';

export type SessionTerms = Pick<Obligations, 'sessionUse' | 'claimSeconds' | 'landingSeconds'>;

const LONGEST_CLAIM_SECONDS = 86_400;
/** The target's own expiry is later than ours by that, and a bounded grace is no second grant. */
export const LONGEST_LANDING_SECONDS = 300;

/** The terms, or what is wrong in words. */
export function readUse(value: string): SessionTerms | string {
  return value === 'once' || value === 'session'
    ? { sessionUse: value }
    : '@use must be "once" (for one session) or "session" (until the last of its sessions has ended).';
}

export function readClock(value: string): SessionTerms | string {
  const [, within] = /^first-connection within ([0-9a-z]{1,20})$/.exec(value) ?? [];
  if (within === undefined) return '@clock must be written like "first-connection within 30m".';
  const seconds = secondsFrom('@clock', within, LONGEST_CLAIM_SECONDS, '1d');
  return typeof seconds === 'string' ? seconds : { claimSeconds: seconds };
}

export function readLanding(value: string): SessionTerms | string {
  const seconds = secondsFrom('@softLanding', value, LONGEST_LANDING_SECONDS, '5m');
  return typeof seconds === 'string' ? seconds : { landingSeconds: seconds };
}

function secondsFrom(name: string, text: string, most: number, mostText: string): number | string {
  try {
    const seconds = parseDuration(text, name);
    return seconds > most ? `${name} may be at most ${mostText}.` : seconds;
  } catch (error) {
    return `${name}: ${messageOf(error)}`;
  }
}

export function mergeSessionTerms(all: readonly SessionTerms[]): SessionTerms {
  const merged: SessionTerms = {};
  const sessionUse = strictestUse(all.map((one) => one.sessionUse));
  if (sessionUse !== undefined) merged.sessionUse = sessionUse;
  const claimSeconds = shortestOfAll(all.map((one) => one.claimSeconds));
  if (claimSeconds !== undefined) merged.claimSeconds = claimSeconds;
  const landingSeconds = shortestOfAll(all.map((one) => one.landingSeconds));
  if (landingSeconds !== undefined) merged.landingSeconds = landingSeconds;
  return merged;
}

export function strictestUse(all: readonly (SessionUse | undefined)[]): SessionUse | undefined {
  return all.includes('once') ? 'once' : all.find((one) => one !== undefined);
}

/** undefined where one of them has none. */
function shortestOfAll(all: readonly (number | undefined)[]): number | undefined {
  const known = all.flatMap((one) => one ?? []);
  return known.length === 0 || known.length < all.length ? undefined : Math.min(...known);
}
