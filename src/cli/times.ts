// Times as people read them: relative when near, a clock time when exactness matters.

import { describeDuration } from '../base/duration.ts';

/** `2 min ago`, `in 43 min`; `—` for none. */
export function relative(timestamp: string | null, nowMs: number): string {
  if (timestamp === null) return '—';
  const seconds = Math.round((Date.parse(timestamp) - nowMs) / 1000);
  if (Math.abs(seconds) < 1) return 'now';
  return seconds < 0 ? `${roughly(-seconds)} ago` : `in ${roughly(seconds)}`;
}

/** What is left until `timestamp`: `43 min 10 s`, or `none`. */
export function left(timestamp: string, nowMs: number): string {
  const seconds = Math.floor((Date.parse(timestamp) - nowMs) / 1000);
  return seconds <= 0 ? 'none' : describeDuration(seconds);
}

/** `14:03:22` on this machine's clock; with the date when it is not today. */
export function clock(timestamp: string, nowMs: number): string {
  const at = new Date(timestamp);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${day(at)} ${time}`;
}

export function bytesText(bytes: number): string {
  for (const [size, unit] of [
    [1024 ** 3, 'GB'],
    [1024 ** 2, 'MB'],
    [1024, 'kB'],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}

function roughly(seconds: number): string {
  const [first] = describeDuration(seconds).split(/(?<=[a-z]) /);
  return first ?? '0 s';
}

function day(at: Date): string {
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}-${String(at.getDate()).padStart(2, '0')}`;
}
