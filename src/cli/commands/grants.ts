// `sally grants`: grants as a table, or as an array with --json.

import type { Command } from 'commander';
import { grant as grantSchema, grantState } from '../../api/grants.ts';
import { brokenGlassLines } from '../broken-glass.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';
import { relative } from '../times.ts';

const STATES = [...grantState.options, 'live', 'overdue'] as const;

interface Options {
  state?: string;
  mine?: boolean;
  watch?: boolean;
  limit: string;
}

export function command(): Command {
  const list = leaf('grants', 'list grants', [
    'grants --mine',
    'grants --mine --watch',
    'grants --state active',
    'grants --state overdue --json',
  ])
    .option('--state <state>', `only ${STATES.join(', ')}`)
    .option('--mine', 'only your own')
    .option('--watch', 'a line for each change, and at 15 and 5 minutes before the end; until Ctrl-C');
  return addLimit(list).action(async (options: Options, self: Command) => {
    const run = startRun(self);
    const state = oneOf('--state', options.state, STATES);
    const view = options.mine === true ? 'mine' : 'all';
    const api = await run.api();
    if (options.watch === true) {
      const { watchGrants } = await import('../watch-grants.ts');
      return watchGrants(run, api, { state: state ?? 'live', view }, limitFrom(options.limit));
    }
    const rows = await api.list('/api/grants', grantSchema, { state, view }, limitFrom(options.limit));
    const now = api.nowMs();
    for (const line of await brokenGlassLines(run, api)) run.out.say(line);
    showTable(run, rows, {
      none: 'No grants.',
      columns: [
        { title: 'ID', cell: (g) => g.id, whole: true },
        {
          title: 'STATE',
          cell: (g) => (g.overdue ? `${g.state}, overdue` : g.state),
          whole: true,
          paint: (g, text) => run.out.paint(g.overdue ? 'bad' : COLORS[g.state], text),
        },
        { title: 'WHO', cell: (g) => g.principal.name },
        {
          title: 'TASK',
          cell: (g) => (g.breakGlass === null ? g.task : `${g.task} (${GLASS[g.breakGlass]})`),
        },
        { title: 'TARGET', cell: (g) => g.target },
        { title: 'ENDS', cell: (g) => relative(g.endedAt ?? g.expiresAt, now), whole: true },
        { title: 'SESSIONS', cell: (g) => String(g.liveSessions), align: 'right', whole: true },
        { title: 'NOTE', cell: (g) => g.lastError ?? g.endReason ?? '' },
      ],
    });
    for (const grant of rows)
      for (const blocker of grant.blockers) run.out.say(`${grant.id} waits for: ${printable(blocker)}`);
  });
}

const GLASS = { real: 'BREAK-GLASS', drill: 'break-glass drill' } as const;

const COLORS = {
  planned: 'dim',
  granting: 'warn',
  active: 'good',
  revoking: 'warn',
  'cleanup-pending': 'warn',
  revoked: 'dim',
} as const;
