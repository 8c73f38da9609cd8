// `sally break-glass drill`: drills and their scores.

import type { Command } from 'commander';
import { type Drill, drill, drillList, type ScheduleDrillBody } from '../../api/break-glass.ts';
import { describeDuration, parseDuration } from '../../base/duration.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { momentFrom } from '../moment.ts';
import { group, leaf, startRun } from '../run.ts';
import { clock } from '../times.ts';

const DAY_SECONDS = 86_400;
const LONGEST_EVERY_SECONDS = 730 * DAY_SECONDS;

export function drillCommand(): Command {
  return group('drill', 'schedule drills of break-glass, and see their scores', [
    listCommand(),
    scheduleCommand(),
    cancelCommand(),
  ]);
}

function listCommand(): Command {
  return leaf('list', 'drills and their scores', [
    'break-glass drill list',
    'break-glass drill list --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const { items } = await api.get('/api/drills', drillList);
    const nowMs = api.nowMs();
    showTable(run, items, {
      none: 'No drills: `sally break-glass drill schedule`.',
      columns: [
        { title: 'ID', cell: (d) => d.id, whole: true },
        { title: 'STATE', cell: (d) => d.state, whole: true },
        { title: 'WHO', cell: (d) => d.person?.name ?? 'kit holders' },
        { title: 'WHAT', cell: what },
        { title: 'DUE', cell: (d) => clock(d.dueAt, nowMs), whole: true },
        {
          title: 'CONNECTED',
          cell: (d) => (d.score.secondsToConnect === null ? '-' : describeDuration(d.score.secondsToConnect)),
          whole: true,
        },
        { title: 'REVIEW', cell: (d) => inTime(d.score.reviewInTime), whole: true },
        {
          title: 'KIT',
          cell: (d) => (d.kind === 'grant' ? '-' : d.score.kitOpened === true ? 'opened' : 'not opened'),
          whole: true,
        },
      ],
    });
  });
}

const what = (d: Drill) => (d.kind === 'grant' ? `${d.task} on ${d.target}` : `kit of ${d.segment}`);
const inTime = (value: boolean | null) => (value === null ? '-' : value ? 'in time' : 'LATE');

interface ScheduleOptions {
  person?: string;
  target?: string;
  task?: string;
  kit?: string;
  at?: string;
  every?: string;
  note?: string;
}

function scheduleCommand(): Command {
  return leaf('schedule', 'schedule a drill, once or again and again', [
    'break-glass drill schedule --person erin --target orders-db --task fix-orders --at 2026-12-07T09:00:00Z',
    'break-glass drill schedule --kit prod/eu --every 180d --note "holders meet in room 4"',
  ])
    .option('--person <name>', 'who is to break the glass')
    .option('--target <target>', 'where')
    .option('--task <task>', 'with which task')
    .option(
      '--kit <segment>',
      'or: the holders open the emergency kit of this segment, which is rotated afterwards',
    )
    .option('--at <moment>', 'when it is ordered; now when left out')
    .option('--every <days>', 'again so often: 90d')
    .option('--note <text>', 'what they should know')
    .action(async (options: ScheduleOptions, self: Command) => {
      const run = startRun(self);
      const body: ScheduleDrillBody = {
        person: options.person,
        target: options.target,
        task: options.task,
        segment: options.kit,
        ...(options.at === undefined ? {} : { at: momentFrom(options.at, '--at') }),
        ...(options.every === undefined ? {} : { everyDays: days(options.every) }),
        ...(options.note === undefined ? {} : { note: options.note }),
      };
      const api = await run.api();
      const made = await api.post('/api/drills', drill, { body });
      run.out.data(made, () => [`Drill ${made.id}: ${what(made)}, due ${made.dueAt}.`]);
    });
}

function days(text: string): number {
  const seconds = parseDuration(text, '--every', LONGEST_EVERY_SECONDS);
  if (seconds % DAY_SECONDS !== 0) throw usage('--every is in whole days.', 'For example --every 90d.');
  return seconds / DAY_SECONDS;
}

function cancelCommand(): Command {
  return leaf('cancel <drill-id>', 'take back a drill that nobody has begun', [
    'break-glass drill cancel drl_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const cancelled = await api.post(path`/api/drills/${id}/cancel`, drill);
    run.out.data(cancelled, () => [`Drill ${cancelled.id} is cancelled.`]);
  });
}
