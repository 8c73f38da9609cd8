// `sally policy`: what is in force, what it would decide, and how a change takes effect: proposed by one, signed by
// another.

import type { Command } from 'commander';
import { usage } from '../exit-codes.ts';
import { policySet } from '../policy-folder.ts';
import { printable, printableLines } from '../printable.ts';
import { group, leaf, startRun } from '../run.ts';
import { applyCommand } from './policy-apply.ts';
import { explainCommand } from './policy-explain.ts';
import { fmtCommand } from './policy-fmt.ts';
import { changesCommand, historyCommand, rollbackCommand } from './policy-history.ts';
import { ownCommand, packsCommand } from './policy-packs.ts';
import { planCommand } from './policy-plan.ts';
import { refuseCommand, signCommand, withdrawCommand } from './policy-sign.ts';
import { testCommand } from './policy-test.ts';

export function command(): Command {
  return group('policy', 'show, explain, test and change policy', [
    showCommand(),
    explainCommand(),
    testCommand(),
    fmtCommand(),
    planCommand(),
    applyCommand(),
    changesCommand(),
    signCommand(),
    refuseCommand(),
    withdrawCommand(),
    packsCommand(),
    ownCommand(),
    historyCommand(),
    rollbackCommand(),
  ]);
}

function showCommand(): Command {
  return leaf('show [file]', 'print the policies in force', [
    'policy show',
    'policy show orders.cedar',
  ]).action(async (file: string | undefined, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const told = await api.get('/api/policy', policySet);
    const names = Object.keys(told.files).sort();
    if (file !== undefined && told.files[file] === undefined) {
      throw usage(`There is no policy file "${file}".`, `There is ${names.join(', ')}.`);
    }
    const shown = file === undefined ? names : [file];
    run.out.data(
      file === undefined ? told : { digest: told.digest, files: { [file]: told.files[file] } },
      () =>
        // One file alone comes out as it is, so that it can be written to a file again.
        shown.flatMap((name) => [
          ...(file === undefined ? [`// ${printable(name)}`] : []),
          printableLines(told.files[name] ?? '').trimEnd(),
          ...(file === undefined ? [''] : []),
        ]),
    );
    run.out.say(`Digest ${told.digest}`);
  });
}
