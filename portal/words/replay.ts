// A session's recording as something to watch: real time, but with the long pauses between statements made short.

export interface Moment {
  /** Position among the statements. */
  index: number;
  /** Where it begins and ends in the replay, in ms; an end is never before the next beginning allows. */
  fromMs: number;
  toMs: number;
  /** The pause before it that was cut out, in ms; 0 where it was kept whole. */
  cutMs: number;
}

export interface Timed {
  offsetMs: number;
  durationMs: number | null;
}

/** Longer pauses than this are shown as this. */
export const LONGEST_PAUSE_MS = 1_500;
// Something to see even for a statement that took no time.
const SHORTEST_MS = 120;

/** Statements in the order of their offsets, laid out for watching. */
export function layOut(statements: Timed[]): { moments: Moment[]; totalMs: number } {
  let clock = 0;
  let realEnd = 0;
  const moments = statements.map((statement, index) => {
    const pause = Math.max(0, statement.offsetMs - realEnd);
    const kept = Math.min(pause, LONGEST_PAUSE_MS);
    const fromMs = clock + kept;
    const took = statement.durationMs ?? 0;
    const toMs = fromMs + Math.max(SHORTEST_MS, Math.min(took, 4 * LONGEST_PAUSE_MS));
    clock = toMs;
    realEnd = Math.max(realEnd, statement.offsetMs + took);
    return { index, fromMs, toMs, cutMs: pause - kept };
  });
  return { moments, totalMs: clock };
}

/** The statement that is on screen at `atMs`: the last that has begun; the first before that. */
export function indexAt(moments: Moment[], atMs: number): number {
  let low = 0;
  let high = moments.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((moments[middle]?.fromMs ?? Number.POSITIVE_INFINITY) <= atMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** How much of a statement's text is typed at `atMs`, 0 to 1, so that the eye sees it arrive. */
export function typedShare(moment: Moment, atMs: number): number {
  const span = Math.max(1, Math.min(400, moment.toMs - moment.fromMs));
  return Math.min(1, Math.max(0, (atMs - moment.fromMs) / span));
}
