// `sally delegate`: a stand-in for one's approvals while one is away.

import type { Command } from 'commander';
import { z } from 'zod';
import { type DelegateBody, delegation } from '../../api/duty.ts';
import { path } from '../client.ts';
import { showTable } from '../lists.ts';
import { momentFrom } from '../moment.ts';
import { group, leaf, startRun } from '../run.ts';
import { clock } from '../times.ts';

export function command(): Command {
  return group('delegate', 'name a stand-in for your approvals', [listCommand(), toCommand(), endCommand()]);
}

function listCommand(): Command {
  return leaf('list', 'who stands in for you, and for whom you do', ['delegate list']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/delegations', z.object({ items: z.array(delegation) }));
      const nowMs = api.nowMs();
      showTable(run, items, {
        none: 'No delegations: `sally delegate to <name> --until <moment>`.',
        columns: [
          { title: 'ID', cell: (d) => d.id, whole: true },
          { title: 'STAND-IN', cell: (d) => d.standIn.name, whole: true },
          { title: 'FOR', cell: (d) => d.principal.name, whole: true },
          { title: 'FROM', cell: (d) => clock(d.from, nowMs), whole: true },
          { title: 'UNTIL', cell: (d) => clock(d.until, nowMs), whole: true },
        ],
      });
    },
  );
}

function toCommand(): Command {
  return leaf('to <name>', 'let somebody approve for you, until a moment', [
    'delegate to bo --until 2026-12-24T08:00:00Z',
    'delegate to bo --from 2026-12-20T17:00:00Z --until 2027-01-04T08:00:00Z',
  ])
    .option('--from <moment>', 'from when; now when left out')
    .requiredOption('--until <moment>', 'until when, at most 30 days')
    .action(async (name: string, options: { from?: string; until: string }, self: Command) => {
      const run = startRun(self);
      const body: DelegateBody = {
        standIn: name,
        until: momentFrom(options.until, '--until'),
        ...(options.from === undefined ? {} : { from: momentFrom(options.from, '--from') }),
      };
      const api = await run.api();
      const made = await api.post('/api/delegations', delegation, { body });
      run.out.data(made, () => [
        `${made.standIn.name} approves for you from ${made.from} until ${made.until}.`,
        `Back earlier? \`sally delegate end ${made.id}\``,
      ]);
    });
}

function endCommand(): Command {
  return leaf('end <delegation-id>', 'end a delegation now', [
    'delegate end dlg_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const ended = await api.post(path`/api/delegations/${id}/end`, delegation, { body: {} });
    run.out.data(ended, () => [`${ended.standIn.name} no longer approves for ${ended.principal.name}.`]);
  });
}
