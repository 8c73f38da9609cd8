// `sally requests`: requests as a table, or as an array with --json.

import type { Command } from 'commander';
import { request as requestSchema, requestState } from '../../api/requests.ts';
import { formatDuration } from '../../base/duration.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { leaf, startRun } from '../run.ts';
import { relative } from '../times.ts';

interface Options {
  state?: string;
  mine?: boolean;
  approvals?: boolean;
  limit: string;
}

export function command(): Command {
  const list = leaf('requests', 'list requests', [
    'requests --approvals',
    'requests --mine --state pending',
    'requests --json --limit 500',
  ])
    .option('--state <state>', `only ${requestState.options.join(', ')}`)
    .option('--mine', 'only those that you made')
    .option('--approvals', 'only those that you could decide now');
  return addLimit(list).action(async (options: Options, self: Command) => {
    const run = startRun(self);
    const view = options.approvals === true ? 'approvals' : options.mine === true ? 'mine' : 'all';
    const state = oneOf('--state', options.state, requestState.options);
    const api = await run.api();
    const rows = await api.list('/api/requests', requestSchema, { state, view }, limitFrom(options.limit));
    const now = api.nowMs();
    showTable(run, rows, {
      none: view === 'approvals' ? 'Nothing waits for you.' : 'No requests.',
      columns: [
        { title: 'ID', cell: (r) => r.id, whole: true },
        {
          title: 'STATE',
          cell: (r) => r.state,
          whole: true,
          paint: (r, text) => run.out.paint(COLORS[r.state], text),
        },
        { title: 'WHO', cell: (r) => r.requester.name },
        { title: 'TASK', cell: (r) => r.task.name },
        { title: 'TARGET', cell: (r) => r.target.name },
        {
          title: 'FOR',
          cell: (r) => formatDuration(r.approvedDurationSeconds ?? r.durationSeconds),
          whole: true,
        },
        { title: 'MADE', cell: (r) => relative(r.createdAt, now), whole: true },
        { title: 'REASON', cell: (r) => (r.ticket === null ? r.reason : `${r.reason} [${r.ticket}]`) },
      ],
    });
  });
}

const COLORS = {
  pending: 'warn',
  approved: 'good',
  denied: 'bad',
  cancelled: 'dim',
  expired: 'dim',
} as const;
