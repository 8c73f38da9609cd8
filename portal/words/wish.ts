// What the request form holds, and what of it can be sent.

import type { PreviewBody, Request, SubmitBody } from '../../src/api/requests.ts';
import { formatDuration } from '../../src/base/duration.ts';
import { secondsOf } from './durations.ts';

export interface Wish {
  target: string;
  task: string;
  duration: string;
  reason: string;
  ticket: string;
  /** As a browser's field writes it, in local time; empty for now. */
  startsAt: string;
}

export const EMPTY_WISH: Wish = {
  target: '',
  task: '',
  duration: '1h',
  reason: '',
  ticket: '',
  startsAt: '',
};

/** The same once more. */
export const wishLike = (request: Request): Wish => ({
  target: request.target.name,
  task: request.task.name,
  duration: formatDuration(request.durationSeconds),
  reason: request.reason,
  ticket: request.ticket ?? '',
  startsAt: '',
});

/** What policy can be asked about: null until target, task and a duration are there. */
export function previewOf(wish: Wish): PreviewBody | null {
  if (wish.target === '' || wish.task === '' || secondsOf(wish.duration) === null) return null;
  if (startProblem(wish.startsAt, Date.now()) !== null) return null;
  const ticket = wish.ticket.trim();
  return {
    target: wish.target,
    task: wish.task,
    duration: wish.duration,
    ...(ticket === '' ? {} : { ticket }),
    ...startOf(wish),
  };
}

/** Everything that is still missing, in the words of the form; empty when it can be sent. */
export function missingIn(wish: Wish): string[] {
  return [
    ...(wish.target === '' ? ['a target'] : []),
    ...(wish.task === '' ? ['a task'] : []),
    ...(secondsOf(wish.duration) === null ? ['a duration'] : []),
    ...(wish.reason.trim() === '' ? ['a reason'] : []),
    ...(startProblem(wish.startsAt, Date.now()) === null ? [] : ['a start in the future']),
  ];
}

export function bodyOf(wish: Wish): SubmitBody {
  const ticket = wish.ticket.trim();
  return {
    target: wish.target,
    task: wish.task,
    duration: wish.duration,
    reason: wish.reason.trim(),
    ...(ticket === '' ? {} : { ticket }),
    ...startOf(wish),
  };
}

/** Why this is no start, or null; empty is now. */
export function startProblem(startsAt: string, nowMs: number): string | null {
  if (startsAt === '') return null;
  const at = Date.parse(startsAt);
  if (Number.isNaN(at)) return 'Say on which day and at what time.';
  return at <= nowMs ? 'That has passed already.' : null;
}

function startOf({ startsAt }: Wish): { startsAt?: string } {
  return startsAt === '' ? {} : { startsAt: new Date(startsAt).toISOString() };
}
