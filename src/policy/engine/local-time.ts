// Time of day and weekday as the target's segment has them. Cedar has no modulo and no time zones, so policies get
// both ready made; Intl knows when the clocks change.

import { Failure } from '../../base/errors.ts';

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

export interface LocalMoment {
  /** Seconds that the wall clock shows since midnight, 0 to 86,399: 09:00 is 32,400 also on the day of a change. */
  secondsOfDay: number;
  day: Day;
}

/** Formatters kept at most; an installation has a handful of zones. */
const MOST_FORMATTERS = 500;
const DAYS: Record<string, Day> = {
  Mon: 'mon',
  Tue: 'tue',
  Wed: 'wed',
  Thu: 'thu',
  Fri: 'fri',
  Sat: 'sat',
  Sun: 'sun',
};
const formatters = new Map<string, Intl.DateTimeFormat>();

/** `timeZone` is an IANA name such as `Europe/Berlin`. Errors: `invalid-time-zone`. */
export function localMoment(nowMs: number, timeZone: string): LocalMoment {
  // "Sun, 14:05:09": the whole text is half the price of its parts.
  const [, weekday = '', hour, minute, second] =
    /^(\w{3}),? (\d{2}):(\d{2}):(\d{2})$/.exec(formatterOf(timeZone).format(nowMs)) ?? [];
  const day = DAYS[weekday];
  const secondsOfDay = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  if (day === undefined || !Number.isInteger(secondsOfDay)) {
    throw new Error(`No local time for ${nowMs} in ${timeZone}.`);
  }
  return { secondsOfDay, day };
}

/** 32,400 → `09:00`; with seconds where there are any. */
export function clockText(secondsOfDay: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const text = `${two(Math.floor(secondsOfDay / 3600))}:${two(Math.floor(secondsOfDay / 60) % 60)}`;
  return secondsOfDay % 60 === 0 ? text : `${text}:${two(secondsOfDay % 60)}`;
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const fresh = newFormatter(timeZone);
  if (formatters.size >= MOST_FORMATTERS) formatters.clear();
  formatters.set(timeZone, fresh);
  return fresh;
}

function newFormatter(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch (cause) {
    throw new Failure('invalid', 'invalid-time-zone', `"${timeZone.slice(0, 60)}" is not a time zone.`, {
      field: 'timeZone',
      hint: 'Use an IANA name such as Europe/Berlin or UTC.',
      cause,
    });
  }
}
