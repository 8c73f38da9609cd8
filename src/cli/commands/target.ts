// `sally target`: the systems that grants are made on.

import type { Command } from 'commander';
import { z } from 'zod';
import { checkReport, standingAccess, target as targetSchema } from '../../api/targets.ts';
import { describeCheck } from '../check-report.ts';
import { path } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { group, leaf, startRun } from '../run.ts';
import { addCommand } from './target-add.ts';
import { credentialCommand, nodesCommand } from './target-change.ts';

export function command(): Command {
  return group('target', 'list, add, check, change and remove targets', [
    listCommand(),
    addCommand(),
    checkCommand(),
    removeCommand(),
    credentialCommand(),
    nodesCommand(),
    standingAccessCommand(),
  ]);
}

function listCommand(): Command {
  return leaf('list', 'list targets', ['target list', 'target list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/targets', z.object({ items: z.array(targetSchema) }));
      showTable(run, items, {
        none: 'No targets yet: `sally target add`.',
        columns: [
          { title: 'NAME', cell: (t) => t.name, whole: true },
          { title: 'KIND', cell: (t) => t.kind, whole: true },
          { title: 'SEGMENT', cell: (t) => t.segment },
          { title: 'ADDRESS', cell: (t) => t.address },
          { title: 'TASKS', cell: (t) => t.tasks.join(', ') },
          { title: 'GRANTS', cell: (t) => String(t.activeGrants), align: 'right', whole: true },
          {
            title: 'CHECK',
            cell: (t) => (t.check === null ? 'never' : t.check.ok ? 'ok' : 'fails'),
            whole: true,
            paint: (t, text) => run.out.paint(t.check === null ? 'dim' : t.check.ok ? 'good' : 'bad', text),
          },
        ],
      });
    },
  );
}

function checkCommand(): Command {
  return leaf('check <target>', 'check that grants can be made and ended there', [
    'target check orders-db',
  ]).action(async (name: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    run.out.live(`Checking ${name} …`);
    const report = await api.post(path`/api/targets/${name}/check`, checkReport);
    run.out.settle();
    run.out.data(report, () => describeCheck(report, run.out));
    if (!report.ok) run.finish(EXIT.failed);
  });
}

function removeCommand(): Command {
  return leaf('remove <target>', 'take a target out; refused while grants live on it', [
    'target remove orders-db --reason "the server is switched off"',
  ])
    .option('--reason <text>', 'why')
    .action(async (name: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, 'Why?');
      const api = await run.api();
      await api.post(path`/api/targets/${name}/remove`, z.null(), { body: { reason } });
      run.out.data({ removed: name }, () => [
        `${name} is removed: nothing can be asked for there, what happened stays in the audit log.`,
      ]);
    });
}

function standingAccessCommand(): Command {
  return leaf('standing-access <target>', 'who can get in outside any grant', [
    'target standing-access orders-db',
  ]).action(async (name: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const { items } = await api.get(
      path`/api/targets/${name}/standing-access`,
      z.object({ items: z.array(standingAccess) }),
    );
    showTable(run, items, {
      none: `Nobody holds standing access on ${name}.`,
      columns: [
        { title: 'PRINCIPAL', cell: (s) => s.principal },
        { title: 'LOGIN', cell: (s) => (s.canLogin ? 'yes' : 'no'), whole: true },
        {
          title: 'SUPERUSER',
          cell: (s) => (s.superuser ? 'yes' : 'no'),
          whole: true,
          paint: (s, text) => (s.superuser ? run.out.paint('bad', text) : text),
        },
        { title: 'THROUGH', cell: (s) => s.through.join(' > ') },
        { title: 'LAST USED', cell: (s) => s.lastUsedAt ?? 'unknown' },
        { title: 'RIGHTS', cell: (s) => s.rights.join('; ') },
      ],
    });
  });
}
