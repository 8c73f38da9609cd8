// Time zones by their names. An offset such as +01:00 is none: it does not know when the clocks change.

import { Failure } from './errors.ts';

/** Errors: `invalid-time-zone`, naming `field`. */
export function checkTimeZone(name: string, field = 'timeZone'): void {
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,59}$/.test(name) && isKnown(name)) return;
  throw new Failure('invalid', 'invalid-time-zone', `"${name.slice(0, 60)}" is not a time zone.`, {
    field,
    hint: 'Use an IANA name such as Europe/Berlin or UTC.',
  });
}

function isKnown(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * The moment (ms since 1970) at which clocks in `timeZone` show `wall`, written like 2027-03-28T09:00. Errors:
 * `no-such-time` for what is skipped when clocks go forward, `ambiguous-time` for what comes twice; each naming `field`.
 */
export function momentOfWall(wall: string, timeZone: string, field: string): number {
  const shown = Date.parse(`${wall}Z`);
  const day = 86_400_000;
  const offsets = new Set([
    offsetMs(shown - day, timeZone),
    offsetMs(shown, timeZone),
    offsetMs(shown + day, timeZone),
  ]);
  const found = [...offsets]
    .map((offset) => shown - offset)
    .filter((ms) => ms + offsetMs(ms, timeZone) === shown);
  const [first, second] = found.sort((a, b) => a - b);
  if (first === undefined) {
    throw new Failure(
      'invalid',
      'no-such-time',
      `${wall} does not exist in ${timeZone}: the clocks go forward then.`,
      {
        field,
        hint: 'Take a time before or after it.',
      },
    );
  }
  if (second !== undefined) {
    throw new Failure(
      'invalid',
      'ambiguous-time',
      `${wall} comes twice in ${timeZone}: the clocks go back then.`,
      {
        field,
        hint: `Say which: ${new Date(first).toISOString()} or ${new Date(second).toISOString()}.`,
      },
    );
  }
  return first;
}

/** What clocks there show beyond UTC. */
function offsetMs(atMs: number, timeZone: string): number {
  const parts: Record<string, number> = {};
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  for (const { type, value } of format.formatToParts(atMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
}
