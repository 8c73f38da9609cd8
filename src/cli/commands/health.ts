// `sally health`: everything that is not where it should be, with what to do. Exit 0 when all is well, 1 otherwise, so
// that a monitor can run it.

import type { Command } from 'commander';
import { type Health, health as healthSchema, type Trouble } from '../../api/health.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';
import { bytesText, relative } from '../times.ts';

export function command(): Command {
  return leaf('health', 'what is not where it should be, and what to do about it', [
    'health',
    'health --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const found = await api.get('/api/health', healthSchema);
    run.out.data(found, () => [
      ...headline(found, run.out),
      ...found.troubles.flatMap((one) => troubleLines(one, run.out, api.nowMs())),
      ...(found.moreTroubles > 0 ? [`… and ${found.moreTroubles} more.`, ''] : []),
      ...summary(found),
    ]);
    if (!found.ok) run.finish(EXIT.failed);
  });
}

function headline(found: Health, out: Output): string[] {
  if (found.ok) return [out.paint('good', 'Every grant is where it should be, and every part answers.'), ''];
  const count = found.troubles.length + found.moreTroubles;
  return [
    out.paint('bad', count === 1 ? 'One thing wants attention.' : `${count} things want attention.`),
    '',
  ];
}

function troubleLines(one: Trouble, out: Output, nowMs: number): string[] {
  const since = one.since === null ? '' : ` (${relative(one.since, nowMs)})`;
  const next = one.nextAt === null ? one.next : `${one.next} ${relative(one.nextAt, nowMs)}`;
  return [
    `${out.paint(one.severity === 'bad' ? 'bad' : 'dim', one.severity === 'bad' ? '✗' : '!')} ${printable(one.what)}${since}`,
    ...(one.why === null ? [] : [`  why:  ${printable(one.why)}`]),
    ...(next === null ? [] : [`  next: ${printable(next)}`]),
    `  do:   ${printable(one.do)}`,
    '',
  ];
}

function summary({ grants, revocation, targets, log, recordings, storing }: Health): string[] {
  const share =
    revocation.share === null
      ? 'nothing has ended yet'
      : `${(revocation.share * 100).toFixed(2)} % within ${revocation.objectiveSeconds} s (objective ${revocation.objectiveShare * 100} %), budget left ${Math.floor((revocation.budgetLeft ?? 1) * 100)} %`;
  return [
    `Grants:     ${grants.active} active, ${grants.revoking} revoking, ${grants.overdue} overdue, ${grants.cleanupPending} to clean up`,
    `Revocation: ${share}`,
    `Targets:    ${targets.length}`,
    `Log:        ${log.entries} entries, signed up to ${log.checkpointSize}`,
    ...(recordings === null ? [] : [`Recordings: ${bytesText(recordings.freeBytes)} free`]),
    ...(storing === null ? [] : [`To store:   ${storing.recordings} recordings`]),
  ];
}
