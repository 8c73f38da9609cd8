// `sally sessions`: sessions as a table, or as an array with --json; a hold on a session's recording, and its end.

import type { Command } from 'commander';
import { session as sessionSchema } from '../../api/sessions.ts';
import { keptWords } from '../../base/control-words.ts';
import { path } from '../client.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { leaf, startRun } from '../run.ts';
import { bytesText, relative } from '../times.ts';

interface Options {
  state?: string;
  mine?: boolean;
  grant?: string;
  recording?: string;
  limit: string;
}

export function command(): Command {
  const list = leaf('sessions', 'list sessions, live and past', [
    'sessions --state live',
    'sessions --grant grt_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'sessions --mine --json',
  ])
    .option('--state <state>', 'only live, ended')
    .option('--mine', 'only your own')
    .option('--grant <grant-id>', 'only those of one grant')
    .option('--recording <state>', 'only those whose recording is held, removed');
  list.addCommand(holdCommand()).addCommand(releaseCommand());
  return addLimit(list).action(async (options: Options, self: Command) => {
    const run = startRun(self);
    const state = oneOf('--state', options.state, ['live', 'ended']);
    const view = options.mine === true ? 'mine' : 'all';
    const api = await run.api();
    const recording = oneOf('--recording', options.recording, ['held', 'removed']);
    const query = { state, view, grant: options.grant, recording };
    const rows = await api.list('/api/sessions', sessionSchema, query, limitFrom(options.limit));
    const now = api.nowMs();
    showTable(run, rows, {
      none: 'No sessions.',
      columns: [
        { title: 'ID', cell: (s) => s.id, whole: true },
        {
          title: 'STATE',
          cell: (s) => (s.live ? 'live' : 'ended'),
          whole: true,
          paint: (s, text) => run.out.paint(s.live ? 'good' : 'dim', text),
        },
        { title: 'WHO', cell: (s) => s.principal.name },
        { title: 'TASK', cell: (s) => s.task },
        { title: 'TARGET', cell: (s) => s.target },
        { title: 'STARTED', cell: (s) => relative(s.startedAt, now), whole: true },
        { title: 'STATEMENTS', cell: (s) => String(s.statements), align: 'right', whole: true },
        { title: 'REFUSED', cell: (s) => String(s.refused), align: 'right', whole: true },
        { title: 'READ', cell: (s) => bytesText(s.bytesRead), align: 'right', whole: true },
        { title: 'END', cell: (s) => s.endReason ?? '' },
      ],
    });
  });
}

function holdCommand(): Command {
  return leaf('hold <session-id>', 'keep its recording whatever its time, until it is released', [
    'sessions hold ses_01jd2q0v6w8x9y0z1a2b3c4d5e --reason "case 1042"',
  ])
    .option('--reason <text>', 'why, for the log')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, 'Why is it held?');
      const api = await run.api();
      const held = await api.post(path`/api/sessions/${id}/hold`, sessionSchema, { body: { reason } });
      run.out.data(held, () => [`The recording of ${held.id} is held until somebody releases it.`]);
    });
}

function releaseCommand(): Command {
  return leaf('release <session-id>', 'end the hold on its recording', [
    'sessions release ses_01jd2q0v6w8x9y0z1a2b3c4d5e --reason "case 1042 is closed"',
  ])
    .option('--reason <text>', 'why, for the log')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, 'Why is it released?');
      const api = await run.api();
      const freed = await api.post(path`/api/sessions/${id}/release`, sessionSchema, { body: { reason } });
      run.out.data(freed, () => [
        `The recording of ${freed.id} is no longer held. It is kept ${keptWords(freed.kept)}.`,
      ]);
    });
}
