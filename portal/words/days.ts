// Days of a chart: none is left out, so that a quiet week looks quiet.

import type { Insights } from '../../src/api/insights.ts';

export interface ChartDay {
  day: string;
  label: string;
  allowed: number;
  approved: number;
  denied: number;
  /** What was asked for and is not decided, or lapsed. */
  other: number;
}

const DAY_MS = 86_400_000;
const MOST_DAYS = 400;

/** `days` in any order, each `YYYY-MM-DD`; the answer ends at `today` and is `count` days long, or longer if `days` is. */
export function filledDays(days: Insights['byDay'], today: string, count: number): ChartDay[] {
  const known = new Map(days.map((day) => [day.day.slice(0, 10), day]));
  const ordered = [...known.keys()].sort();
  const last = Math.max(Date.parse(today), Date.parse(ordered.at(-1) ?? today));
  const first = Math.min(Date.parse(today) - (count - 1) * DAY_MS, Date.parse(ordered[0] ?? today));
  const filled: ChartDay[] = [];
  for (let at = first; at <= last && filled.length < MOST_DAYS; at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    const { requests = 0, allowed = 0, approved = 0, denied = 0 } = known.get(day) ?? {};
    filled.push({
      day,
      label: new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }),
      allowed,
      approved,
      denied,
      other: Math.max(0, requests - allowed - approved - denied),
    });
  }
  return filled;
}
