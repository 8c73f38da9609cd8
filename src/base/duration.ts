// Durations as people write them: `45s`, `30m`, `2h`, `1d`. One unit, a whole number, nothing else:
// "1h30m" and "1y" are errors that name what is accepted, because a duration decides how long a door is open.

import { Failure } from './errors.ts';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** The longest that anything may be asked for, whatever policy says: 24 days, below setTimeout's 24.8. */
export const LONGEST_DURATION_SECONDS = 24 * 86_400;

/**
 * Seconds (an integer from 1 to `longestSeconds`) from text like `30m`. Errors: `invalid-duration`, naming `field`.
 * What a timer waits for keeps the usual limit.
 */
export function parseDuration(
  text: string,
  field = 'duration',
  longestSeconds = LONGEST_DURATION_SECONDS,
): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  if (match === null) {
    throw new Failure('invalid', 'invalid-duration', `"${clip(text)}" is not a duration.`, {
      field,
      hint: 'Write a whole number and one unit: 45s, 30m, 2h or 1d.',
    });
  }
  const unit = match[2] as keyof typeof UNIT_SECONDS;
  const seconds = Number(match[1]) * UNIT_SECONDS[unit];
  if (seconds < 1) {
    throw new Failure('invalid', 'invalid-duration', 'A duration must be at least 1s.', { field });
  }
  if (seconds > longestSeconds) {
    throw new Failure(
      'invalid',
      'invalid-duration',
      `${text} is longer than the limit of ${formatDuration(longestSeconds)}.`,
      { field },
    );
  }
  return seconds;
}

/** The shortest exact text in one unit: 5400 → `90m`, 3600 → `1h`. `seconds` is a whole number ≥ 0. */
export function formatDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (seconds > 0 && seconds % UNIT_SECONDS[unit] === 0) return `${seconds / UNIT_SECONDS[unit]}${unit}`;
  }
  return `${seconds}s`;
}

/** For people who watch a clock: 3725 → `1 h 2 min`, 65 → `1 min 5 s`. */
export function describeDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ];
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.length === 0 ? '0 s' : shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
