// What the request form holds, and what of it can be sent.

import {
  type BundleBody,
  MOST_MEMBERS,
  type PreviewBody,
  type Request,
  type SubmitBody,
} from '../../src/api/requests.ts';
import { formatDuration } from '../../src/base/duration.ts';
import { secondsOf } from './durations.ts';

export interface WishMember {
  target: string;
  task: string;
}

export interface MoreMember extends WishMember {
  /** Tells it from the others while it is still empty. */
  key: number;
}

/** Beside the first. */
export const MOST_MORE = MOST_MEMBERS - 1;

export interface Wish extends WishMember {
  /** Asked for together with the first, all or none. */
  more: MoreMember[];
  duration: string;
  reason: string;
  ticket: string;
  /** As a browser's field writes it, in local time; empty for now. */
  startsAt: string;
}

export const EMPTY_WISH: Wish = {
  target: '',
  task: '',
  more: [],
  duration: '1h',
  reason: '',
  ticket: '',
  startsAt: '',
};

/** The same once more. */
export const wishLike = (request: Request): Wish => ({
  target: request.target.name,
  task: request.task.name,
  more: request.members.slice(1).map(({ target, task }, at) => ({ key: at + 1, target, task })),
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
    ...wish.more.flatMap((one, at) => [
      ...(one.target === '' ? [`target ${at + 2}`] : []),
      ...(one.task === '' ? [`task ${at + 2}`] : []),
    ]),
    ...(secondsOf(wish.duration) === null ? ['a duration'] : []),
    ...(wish.reason.trim() === '' ? ['a reason'] : []),
    ...(startProblem(wish.startsAt, Date.now()) === null ? [] : ['a start in the future']),
  ];
}

export function bodyOf(wish: Wish): SubmitBody {
  return { target: wish.target, task: wish.task, ...circumstancesOf(wish) };
}

/** All of a wish that has more than one. */
export function bundleOf(wish: Wish): BundleBody {
  return { members: membersOf(wish), ...circumstancesOf(wish) };
}

export const membersOf = (wish: Wish): WishMember[] =>
  [wish, ...wish.more].map(({ target, task }) => ({ target, task }));

function circumstancesOf(wish: Wish): Omit<SubmitBody, 'target' | 'task'> {
  const ticket = wish.ticket.trim();
  return {
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
