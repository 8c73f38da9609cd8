// `sally on-call`: who is on call for which group, and until when.

import type { Command } from 'commander';
import { z } from 'zod';
import { type AddShiftBody, shift } from '../../api/duty.ts';
import { path } from '../client.ts';
import { showTable } from '../lists.ts';
import { momentFrom } from '../moment.ts';
import { group, leaf, startRun } from '../run.ts';
import { clock } from '../times.ts';

export function command(): Command {
  return group('on-call', 'list, add and end shifts on call', [listCommand(), addCommand(), endCommand()]);
}

function listCommand(): Command {
  return leaf('list', 'who is on call, now and later', ['on-call list', 'on-call list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/on-call', z.object({ items: z.array(shift) }));
      const nowMs = api.nowMs();
      showTable(run, items, {
        none: 'Nobody is on call: `sally on-call add`.',
        columns: [
          { title: 'ID', cell: (s) => s.id, whole: true },
          { title: 'GROUP', cell: (s) => s.group, whole: true },
          { title: 'WHO', cell: (s) => s.principal.name, whole: true },
          { title: 'FROM', cell: (s) => clock(s.from, nowMs), whole: true },
          { title: 'UNTIL', cell: (s) => clock(s.until, nowMs), whole: true },
          { title: 'NOW', cell: (s) => (s.now ? 'on call' : 'later'), whole: true },
        ],
      });
    },
  );
}

function addCommand(): Command {
  return leaf('add <name>', 'put somebody on call for a group of theirs', [
    'on-call add grace --group dba --until 2026-12-07T08:00:00Z',
    'on-call add linus --group dba --from 2026-12-07T08:00:00Z --until 2026-12-14T08:00:00Z',
  ])
    .requiredOption('--group <name>', 'the group')
    .option('--from <moment>', 'from when; now when left out')
    .requiredOption('--until <moment>', 'until when, at most 31 days')
    .action(async (name: string, options: { group: string; from?: string; until: string }, self: Command) => {
      const run = startRun(self);
      const body: AddShiftBody = {
        group: options.group,
        principal: name,
        until: momentFrom(options.until, '--until'),
        ...(options.from === undefined ? {} : { from: momentFrom(options.from, '--from') }),
      };
      const api = await run.api();
      const added = await api.post('/api/on-call', shift, { body });
      run.out.data(added, () => [
        `${added.principal.name} is on call for ${added.group} from ${added.from} until ${added.until}.`,
      ]);
    });
}

function endCommand(): Command {
  return leaf('end <shift-id>', 'end a shift now', ['on-call end shf_01jd2q0v6w8x9y0z1a2b3c4d5e']).action(
    async (id: string, _options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const ended = await api.post(path`/api/on-call/${id}/end`, shift, { body: {} });
      run.out.data(ended, () => [`${ended.principal.name} is no longer on call for ${ended.group}.`]);
    },
  );
}
