// `sally policy packs` and `own`: the policies that belong to a segment, and the group that may propose changes to them.

import type { Command } from 'commander';
import { z } from 'zod';
import { type PolicyPack, policyPack } from '../../api/policy-plan.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { leaf, type Run, startRun } from '../run.ts';

const answer = z.object({ items: z.array(policyPack) });

export function packsCommand(): Command {
  return leaf('packs', 'list packs of policies and who owns them', [
    'policy packs',
    'policy packs --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    show(run, (await api.get('/api/policy/packs', answer)).items);
  });
}

export function ownCommand(): Command {
  return leaf('own <segment> [group]', 'give a segment an owner, who may propose its pack', [
    'policy own prod/eu/orders team-orders',
    'policy own prod/eu/orders --nobody',
  ])
    .option('--nobody', 'take its owner away')
    .action(
      async (segment: string, group: string | undefined, options: { nobody?: boolean }, self: Command) => {
        const run = startRun(self);
        if ((group === undefined) !== (options.nobody === true)) {
          throw usage('Which group?', 'Name a group, or say --nobody.');
        }
        const api = await run.api();
        const body = { segment, owner: group ?? null };
        show(run, (await api.post('/api/policy/packs', answer, { body })).items);
      },
    );
}

function show(run: Run, packs: PolicyPack[]): void {
  showTable(run, packs, {
    none: 'No segment has an owner or a pack.',
    columns: [
      { title: 'SEGMENT', cell: (p) => p.segment, whole: true },
      { title: 'OWNER', cell: (p) => p.owner ?? 'nobody' },
      { title: 'FILES', cell: (p) => String(p.files.length), align: 'right', whole: true },
      { title: 'YOU MAY PROPOSE', cell: (p) => (p.mayPropose ? 'yes' : 'no') },
    ],
  });
}
