// `sally receipt`: what was asked for, what was used, what stays, and what would have been enough.

import type { Command } from 'commander';
import { type Receipt, receipt } from '../../api/grants.ts';
import { describeDuration, formatDuration } from '../../base/duration.ts';
import { rowsText, sizeText } from '../../base/size.ts';
import { path } from '../client.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';

export function command(): Command {
  return leaf('receipt <grant-id>', 'what a grant was used for', [
    'receipt grt_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const told = await api.get(path`/api/grants/${id}/receipt`, receipt);
    run.out.data(told, () => lines(told));
  });
}

function lines(told: Receipt): string[] {
  const held = told.heldSeconds === null ? 'still held' : `held ${describeDuration(told.heldSeconds)}`;
  return [
    `asked      ${told.asked.task} for ${formatDuration(told.asked.durationSeconds)}: ${printable(told.asked.reason)}`,
    `time       ${held}, used ${describeDuration(told.usedSeconds)}`,
    `work       ${told.sessions} sessions, ${told.statements} statements`,
    `read       ${readText(told.read)}`,
    ...list(
      'used',
      told.used.map((use) => `${use.right} (${use.statements} statements, ${use.rows} rows)`),
    ),
    ...list('not used', told.unused),
    ...(told.beyond.length === 0
      ? []
      : list(
          'beyond',
          told.beyond.map(({ what, statements }) => `${what} (${statements} statements)`),
        )),
    ...list('left', told.leftBehind),
    `next time  ${printable(told.narrower ?? 'the same: it fitted')}`,
  ];
}

function readText({ rows, bytes, mostRows, mostBytes }: Receipt['read']): string {
  const of = (most: string | null) => (most === null ? '' : ` of ${most}`);
  return [
    `${rowsText(rows)}${of(mostRows === null ? null : rowsText(mostRows))}`,
    `${sizeText(bytes)}${of(mostBytes === null ? null : sizeText(mostBytes))}`,
  ].join(', ');
}

function list(label: string, items: string[]): string[] {
  if (items.length === 0) return [`${label.padEnd(11)}nothing`];
  return items.map((item, i) => `${(i === 0 ? label : '').padEnd(11)}${printable(item)}`);
}
