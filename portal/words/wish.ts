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
}

export const EMPTY_WISH: Wish = { target: '', task: '', duration: '1h', reason: '', ticket: '' };

/** The same once more. */
export const wishLike = (request: Request): Wish => ({
  target: request.target.name,
  task: request.task.name,
  duration: formatDuration(request.durationSeconds),
  reason: request.reason,
  ticket: request.ticket ?? '',
});

/** What policy can be asked about: null until target, task and a duration are there. */
export function previewOf(wish: Wish): PreviewBody | null {
  if (wish.target === '' || wish.task === '' || secondsOf(wish.duration) === null) return null;
  const ticket = wish.ticket.trim();
  return {
    target: wish.target,
    task: wish.task,
    duration: wish.duration,
    ...(ticket === '' ? {} : { ticket }),
  };
}

/** Everything that is still missing, in the words of the form; empty when it can be sent. */
export function missingIn(wish: Wish): string[] {
  return [
    ...(wish.target === '' ? ['a target'] : []),
    ...(wish.task === '' ? ['a task'] : []),
    ...(secondsOf(wish.duration) === null ? ['a duration'] : []),
    ...(wish.reason.trim() === '' ? ['a reason'] : []),
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
  };
}
