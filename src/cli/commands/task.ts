// `sally task`: the named permission sets that one can ask for.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { addTaskBody, task as taskSchema } from '../../api/targets.ts';
import { codeOf, Failure, messageOf } from '../../base/errors.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { printable } from '../printable.ts';
import { group, leaf, startRun } from '../run.ts';

const LARGEST_FILE_BYTES = 64 * 1024;

export function command(): Command {
  return group('task', 'list and add tasks', [listCommand(), addCommand()]);
}

function listCommand(): Command {
  return leaf('list', 'list tasks', ['task list', 'task list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/tasks', z.object({ items: z.array(taskSchema) }));
      showTable(run, items, {
        none: 'No tasks yet: `sally task add --from task.yaml`.',
        columns: [
          { title: 'NAME', cell: (t) => t.name, whole: true },
          { title: 'KIND', cell: (t) => t.kind, whole: true },
          { title: 'SEGMENT', cell: (t) => t.segment ?? 'any' },
          { title: 'DESCRIPTION', cell: (t) => t.description },
          { title: 'RIGHTS', cell: (t) => t.rights.join('; ') },
        ],
      });
    },
  );
}

function addCommand(): Command {
  return leaf('add', 'add a task from a file', ['task add --from read-orders.yaml'])
    .requiredOption('--from <file>', 'YAML or JSON: name, kind, description, segment, entitlement')
    .action(async (options: { from: string }, self: Command) => {
      const run = startRun(self);
      const body = addTaskBody.safeParse(readDocument(options.from));
      if (!body.success) {
        const issue = body.error.issues[0];
        throw usage(
          `${options.from}: ${issue?.path.join('.') || 'the document'}: ${issue?.message}`,
          'It needs name, kind, description and entitlement.',
        );
      }
      const api = await run.api();
      const added = await api.post('/api/tasks', taskSchema, { body: body.data });
      run.out.data(added, () => [
        `Added ${added.name}. It may:`,
        ...added.rights.map((right) => `  ${printable(right)}`),
      ]);
    });
}

/** JSON is YAML, so one parser reads both. */
function readDocument(file: string): unknown {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LARGEST_FILE_BYTES)
      throw usage(`${file} is larger than 64 KiB.`, 'A task is a short document.');
    return parse(text);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      'invalid',
      'unreadable-file',
      `${file} cannot be read: ${codeOf(error) ?? messageOf(error)}`,
      { cause: error },
    );
  }
}
