// How much of a grant is left: the figures behind the countdown.

/** `planned`: not begun. `calm`, then `soon` from 15 min, `last` from 5 min (or the last tenth of a short grant). */
export type Stage = 'planned' | 'calm' | 'soon' | 'last' | 'over';

export const SOON_SECONDS = 15 * 60;
export const LAST_SECONDS = 5 * 60;

export interface Remaining {
  seconds: number;
  /** 1 = all of it is left, 0 = none. */
  fraction: number;
  stage: Stage;
}

/** Times in ms since 1970; null where the clock has not started. */
export function remainingOf(
  activatedAtMs: number | null,
  expiresAtMs: number | null,
  nowMs: number,
): Remaining {
  if (activatedAtMs === null || expiresAtMs === null) return { seconds: 0, fraction: 1, stage: 'planned' };
  const totalMs = Math.max(1, expiresAtMs - activatedAtMs);
  const leftMs = Math.max(0, expiresAtMs - nowMs);
  return {
    seconds: Math.ceil(leftMs / 1000),
    fraction: Math.min(1, leftMs / totalMs),
    stage: stageOf(leftMs / 1000, totalMs / 1000),
  };
}

// A grant of ten minutes would be born in its last stage; so short ones are measured by their share instead.
function stageOf(left: number, total: number): Stage {
  if (left <= 0) return 'over';
  if (left <= Math.min(LAST_SECONDS, total / 6)) return 'last';
  if (left <= Math.min(SOON_SECONDS, total / 2)) return 'soon';
  return 'calm';
}

/** Where the two warnings lie, as fractions of what is left; only those inside the grant. */
export function warningMarks(totalSeconds: number): { seconds: number; fraction: number }[] {
  return [SOON_SECONDS, LAST_SECONDS]
    .filter((seconds) => seconds < totalSeconds)
    .map((seconds) => ({ seconds, fraction: seconds / totalSeconds }));
}

/** `1:02:07`, `14:05`, `0:09`; a day and more as `2 d 03:10`. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  if (days > 0) return `${days} d ${two(hours)}:${two(minutes)}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
