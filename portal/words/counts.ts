// Numbers as people read them.

/** `1 statement`, `1,204 statements`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** `0 B`, `812 B`, `4.1 kB`, `2.3 MB` (powers of 1000). */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit] ?? 'B'}`;
}

/** `0.4 ms`, `12 ms`, `1.5 s`. */
export function millisText(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toFixed(1))} s`;
  return ms < 10 ? `${Number(ms.toFixed(1))} ms` : `${Math.round(ms)} ms`;
}

/** A whole share; `–` where there is nothing to share. */
export const percentText = (part: number, whole: number): string =>
  whole <= 0 ? '–' : `${Math.round((100 * part) / whole)} %`;

/** `a`, `a and b`, `a, b and c`. */
export function listText(names: string[]): string {
  const last = names.at(-1);
  if (last === undefined) return '';
  return names.length === 1 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}

/** `Group::"dba"` as policies write it, `dba` as people say it; `onCall Group::"dba"` is `dba on call`. */
export const fromWhom = (from: string): string =>
  from
    .replaceAll(/\b[A-Z][A-Za-z]*::"([^"]*)"/g, '$1')
    .replace(/^onCall (.*)$/, '$1 on call')
    .replace(/^manager$/, 'the manager');

/** Approvals that are asked for: `1 approval from approvers`, `2 approvals from dba, then 1 from the manager`. */
export function approvalsText(stages: { count: number; from: string }[]): string {
  return stages
    .map((stage, position) =>
      position === 0
        ? `${counted(stage.count, 'approval')} from ${fromWhom(stage.from)}`
        : `${stage.count} from ${fromWhom(stage.from)}`,
    )
    .join(', then ');
}

/** With a capital at the start: for sentences of which only the beginning is ours to shape. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
