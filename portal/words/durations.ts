// Durations in forms: what is typed may be unfinished, and that is no error yet.

import { formatDuration, parseDuration } from '../../src/base/duration.ts';
import { messageOf } from '../../src/base/errors.ts';

/** Seconds, or null while the text is not a duration within the limits. */
export function secondsOf(text: string): number | null {
  try {
    return parseDuration(text);
  } catch {
    return null;
  }
}

/** Why the text is no duration, or null when it is one. */
export function durationProblem(text: string): string | null {
  if (text === '') return 'Say for how long.';
  try {
    parseDuration(text);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Shorter ways to say yes to `askedSeconds`: the asked duration first, then what is offered below it. */
export function shorterChoices(askedSeconds: number, longestSeconds: number | null): string[] {
  const most = longestSeconds === null ? askedSeconds : Math.min(askedSeconds, longestSeconds);
  const offered = [4 * 3600, 2 * 3600, 3600, 1800, 900, 300].filter((seconds) => seconds < most).slice(0, 3);
  return [most, ...offered].map(formatDuration);
}
