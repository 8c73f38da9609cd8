// `sally policy apply <folder>`: publishes the folder's *.cedar files as the whole policy. The server validates
// everything before anything takes effect; an error leaves the old policies in force.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { Failure, messageOf } from '../../base/errors.ts';
import { interrupted, usage } from '../exit-codes.ts';
import { policySet } from '../policy-set.ts';
import { printable } from '../printable.ts';
import { askYesNo } from '../prompts.ts';
import { leaf, startRun } from '../run.ts';

type Files = Record<string, string>;

export function applyCommand(): Command {
  return leaf('apply <folder>', 'put the policies of a folder in force', [
    'policy apply policies',
    'policy apply policies --yes --json',
  ])
    .option('-y, --yes', 'do not ask once more')
    .action(async (folder: string, options: { yes?: boolean }, self: Command) => {
      const run = startRun(self);
      const files = readFolder(folder);
      const api = await run.api();
      const before = await api.get('/api/policy', policySet);
      const changes = changesBetween(before.files, files);
      for (const change of changes) run.out.say(`${change.what.padEnd(8)} ${printable(change.file)}`);
      if (changes.length === 0) run.out.say('Nothing differs from what is in force.');
      if (run.interactive && options.yes !== true && changes.length > 0) {
        if (!(await askYesNo('Put this in force?', false)))
          throw interrupted('Not applied; nothing was sent.');
      }
      const told =
        changes.length === 0
          ? before
          : await api.post('/api/policy', z.object({ digest: z.string() }), { body: { files } });
      run.out.data({ digest: told.digest, changes }, () => `In force: ${told.digest}`);
    });
}

function readFolder(folder: string): Files {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.cedar'));
  } catch (error) {
    throw new Failure('invalid', 'unreadable-folder', `${folder} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (names.length === 0)
    throw usage(`${folder} holds no *.cedar file.`, 'Name the folder with the policies.');
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

function changesBetween(
  before: Files,
  after: Files,
): { file: string; what: 'added' | 'changed' | 'removed' }[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((file) => {
    if (before[file] === after[file]) return [];
    const what = before[file] === undefined ? 'added' : after[file] === undefined ? 'removed' : 'changed';
    return [{ file, what } as const];
  });
}
