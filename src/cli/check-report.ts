// A target's check for people: each item, and under it the SQL that would mend it, ready to paste.

import type { CheckReport } from '../api/targets.ts';
import type { Output } from './output.ts';
import { printable, printableLines } from './printable.ts';

const MARKS = { ok: ['ok  ', 'good'], warn: ['warn', 'warn'], fail: ['fail', 'bad'] } as const;

export function describeCheck(report: CheckReport, out: Output): string[] {
  const lines: string[] = [];
  for (const item of report.items) {
    const [mark, paint] = MARKS[item.status];
    lines.push(`${out.paint(paint, mark)}  ${printable(item.name)}: ${printable(item.detail)}`);
    if (item.fix !== undefined)
      lines.push(
        ...printableLines(item.fix)
          .split('\n')
          .map((line) => `        ${line}`),
      );
  }
  const failed = report.items.filter((item) => item.status === 'fail').length;
  const warned = report.items.filter((item) => item.status === 'warn').length;
  const rest = warned === 0 ? '' : `, ${warned} to look at`;
  lines.push(
    report.ok
      ? `Grants can be made and ended here${rest}.`
      : `${failed} failed${rest}: run what is shown on the target, then check again.`,
  );
  return lines;
}
