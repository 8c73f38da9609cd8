// A start in the future: the decision is made for that moment, approvals come before it, the clock starts then.

import { invalid } from '../base/errors.ts';
import { momentOfWall } from '../base/time-zone.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import type { Asked } from './facts.ts';

const FURTHEST_DAYS = 30;
const DAY_MS = 86_400_000;
const WALL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

/**
 * From RFC 3339, or from a time without an offset, which is one of the target's segment. Null for none. Errors:
 * `invalid-input`, `no-such-time`, `ambiguous-time`.
 */
export function startFrom(text: string | undefined, { timeZone, now }: Asked): Date | null {
  if (text === undefined) return null;
  const ms = WALL.test(text) ? momentOfWall(text, timeZone, 'startsAt') : Date.parse(text);
  if (Number.isNaN(ms))
    throw invalid('startsAt', 'This is no moment.', 'Write it like 2026-12-01T08:00:00+01:00.');
  if (ms <= now.getTime())
    throw invalid('startsAt', 'The start has passed already.', 'Leave it out to start now.');
  if (ms - now.getTime() > FURTHEST_DAYS * DAY_MS)
    throw invalid('startsAt', `At most ${FURTHEST_DAYS} days ahead.`);
  return new Date(ms);
}

/** The same facts at the moment when it starts, where that is still to come. */
export function atStart(facts: DecisionFacts, startsAt: Date | null): DecisionFacts {
  if (startsAt === null || startsAt.getTime() <= facts.context.nowMs) return facts;
  return { ...facts, context: { ...facts.context, nowMs: startsAt.getTime() } };
}
