// Moments in words: the local time for reading, UTC for whoever compares with a log.

/** `2026-11-22 04:50:12.345 UTC` */
export const utcText = (iso: string): string => `${iso.replace('T', ' ').replace(/Z$/, '')} UTC`;

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString();

/** Local: `14:05` today, `21 Nov 14:05` this year, `21 Nov 2025 14:05` before. */
export function localText(iso: string, nowMs: number, options: { seconds?: boolean } = {}): string {
  const at = new Date(iso);
  const now = new Date(nowMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}${options.seconds === true ? `:${two(at.getSeconds())}` : ''}`;
  if (sameDay(at, now)) return clock;
  const month = at.toLocaleString('en', { month: 'short' });
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${month}${year} ${clock}`;
}

/** `just now`, `4 min ago`, `in 3 h`, `5 d ago`. */
export function relativeText(iso: string, nowMs: number): string {
  const seconds = Math.round((Date.parse(iso) - nowMs) / 1000);
  const size = Math.abs(seconds);
  if (size < 45) return seconds > 10 ? `in ${size} s` : 'just now';
  const [count, unit] =
    size < 3000
      ? [Math.max(1, Math.round(size / 60)), 'min']
      : size < 79_200
        ? [Math.round(size / 3600), 'h']
        : [Math.round(size / 86_400), 'd'];
  return seconds < 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
}

/** Seconds between two moments, never negative. */
export const secondsBetween = (from: string, to: string): number =>
  Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);

/** `0.2 s`, `43 s`, `3 min 5 s`, `2 h 10 min`: fine below ten seconds, coarse above. */
export function spanText(seconds: number): string {
  if (seconds < 0.95) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ];
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
