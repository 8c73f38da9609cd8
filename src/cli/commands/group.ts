// `sally group`: groups with who is in them, what being in them gives, and what names them. Who is in one is a fact of its
// members: `sally principal change --join`.

import type { Command } from 'commander';
import { z } from 'zod';
import { group as groupSchema } from '../../api/people-changes.ts';
import { path } from '../client.ts';
import { showTable } from '../lists.ts';
import { group, leaf, startRun } from '../run.ts';

export function command(): Command {
  return group('group', 'list, add and delete groups', [listCommand(), addCommand(), deleteCommand()]);
}

function listCommand(): Command {
  return leaf('list', 'list groups', ['group list', 'group list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/groups', z.object({ items: z.array(groupSchema) }));
      showTable(run, items, {
        none: 'No groups yet: `sally group add`.',
        columns: [
          { title: 'NAME', cell: (one) => one.name, whole: true },
          { title: 'KEPT', cell: (one) => one.keptBy, whole: true },
          { title: 'MEMBERS', cell: (one) => String(one.memberCount), whole: true },
          { title: 'GIVES', cell: (one) => one.confers.join(', ') || 'nothing over Sallyport' },
          { title: 'NAMED BY', cell: (one) => one.namedBy.join(', ') || 'nothing' },
        ],
      });
    },
  );
}

function addCommand(): Command {
  return leaf('add <name>', 'make a group', ['group add dba']).action(
    async (name: string, _options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const made = await api.post('/api/groups', groupSchema, { body: { name } });
      run.out.data(made, () => [
        `Made the group ${made.name}; nobody is in it yet.`,
        `Put somebody in it: \`sally principal change <name> --join ${made.name}\`.`,
      ]);
    },
  );
}

function deleteCommand(): Command {
  return leaf('delete <name>', 'delete a group that nothing names; its members leave it', [
    'group delete interns',
  ]).action(async (name: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const gone = await api.post(path`/api/groups/${name}/delete`, groupSchema, {});
    run.out.data(gone, () => [`Deleted the group ${gone.name}, which had ${gone.memberCount} members.`]);
  });
}
