// `sally policy fmt`: the folder's policies in Cedar's own form, so that a change shows what changed. With --check
// nothing is written.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { readPolicyFolder } from '../policy-folder.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';

export function fmtCommand(): Command {
  return leaf('fmt <folder>', "format policies with Cedar's own formatter", [
    'policy fmt policies',
    'policy fmt policies --check',
  ])
    .option('--check', 'write nothing; exit 1 when a file would change')
    .action(async (folder: string, options: { check?: boolean }, self: Command) => {
      const run = startRun(self);
      const files = Object.entries(readPolicyFolder(folder));
      // Cedar is loaded by those who need it: other commands start sooner.
      const { formatPolicyText } = await import('../../policy/engine/format.ts');
      // All are read before any is written: a file that is not Cedar changes none.
      const formatted = files.map(([file, text]) => ({ file, text, fresh: formatPolicyText(file, text) }));
      const changed = formatted.filter(({ text, fresh }) => text !== fresh);
      if (options.check !== true)
        for (const { file, fresh } of changed) writeFileSync(join(folder, file), fresh);
      const names = changed.map(({ file }) => file);
      const verb = options.check === true ? 'would change' : 'formatted';
      run.out.data({ ok: names.length === 0, changed: names }, () => [
        ...names.map((name) => `${verb}  ${printable(name)}`),
        `${files.length - names.length} of ${files.length} files are as they should be.`,
      ]);
      if (options.check === true && names.length > 0) run.finish(EXIT.failed);
    });
}
