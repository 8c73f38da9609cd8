// The command line itself: overview, help, suggestions, completion.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import type { Command } from 'commander';
import { createSally, type Sally } from '../../test/harness/cli.ts';
import { ENTRIES } from './catalog.ts';
import { buildProgram } from './program.ts';

let sally: Sally;
before(() => {
  sally = createSally({});
});
after(() => sally.remove());

test('alone it shows a short overview and is done', async () => {
  const ended = await sally.run([]);
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /sally connect/);
  assert.ok(ended.stdout.split('\n').length < 12);
});

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

test('every command and subcommand has a summary, an example and --json in its help', async () => {
  const program = await buildProgram(new Set(ENTRIES.map((entry) => entry.name)));
  let leaves = 0;
  for (const command of program.commands) {
    for (const leaf of leavesOf(command)) {
      leaves += 1;
      let help = '';
      leaf.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      leaf.outputHelp();
      assert.match(help, /Examples?:\n {2}\$ .*sally /, leaf.name());
      assert.match(help, /--json/, leaf.name());
      assert.notEqual(leaf.summary(), '', leaf.name());
    }
  }
  assert.ok(leaves >= 30, String(leaves));
});

test('help for the whole and for one command goes to stdout, exit 0', async () => {
  const whole = await sally.run(['--help']);
  assert.equal(whole.code, 0);
  assert.match(whole.stdout, /Get access:/);
  const one = await sally.run(['help', 'connect']);
  assert.equal(one.code, 0);
  assert.match(one.stdout, /-- command/);
});

for (const [args, words] of [
  [['conect'], /Did you mean connect/],
  [['request', '--reson', 'x'], /Did you mean --reason/],
  [['target', 'lst'], /Did you mean list/],
  [['target'], /sally target --help/],
  [['grants', 'extra'], /too many arguments/i],
  [['request', 'orders-db', '--task'], /argument missing/],
] as const) {
  test(`"sally ${args.join(' ')}" is a usage error that helps`, async () => {
    const ended = await sally.run([...args]);
    assert.equal(ended.code, 2);
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, words);
    const json = await sally.run(['--json', ...args]);
    assert.equal(json.code, 2);
    assert.equal(JSON.parse(json.stderr).code, 'usage');
  });
}

test('no flag takes a secret', async () => {
  const program = await buildProgram(new Set(ENTRIES.map((entry) => entry.name)));
  const flags = program.commands
    .flatMap((c) => [c, ...leavesOf(c)])
    .flatMap((c) => c.options.map((o) => o.flags));
  const secret = flags.filter(
    (flag) => /token|password|secret/i.test(flag) && !/-file <file>|-env <name>/.test(flag),
  );
  assert.deepEqual(secret, []);
});

// biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
const COMPLETE = 'eval "$SCRIPT"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sally; echo "${COMPREPLY[*]}"';

test('the bash completion is valid and completes commands, subcommands and flags', async () => {
  const { stdout } = await sally.run(['completion', 'bash']);
  const complete = (...line: string[]) =>
    execFileSync('bash', ['--norc', '-c', COMPLETE, 'bash', ...line], {
      env: { SCRIPT: stdout, PATH: process.env.PATH ?? '' },
      encoding: 'utf8',
    }).trim();
  assert.equal(complete('sally', 'conn'), 'connect');
  assert.equal(complete('sally', 'target', 'che'), 'check');
  assert.equal(complete('sally', 'connect', 'orders-db', '--tas'), '--task');
  assert.equal(complete('sally', '--as', 'approver', 'audit', 'ver'), 'verify');
  for (const shell of ['zsh', 'fish'])
    assert.match((await sally.run(['completion', shell])).stdout, /standing-access/);
  assert.equal((await sally.run(['completion', 'tcsh'])).code, 2);
});

test('a reader that goes away ends it quietly', async () => {
  const script = '"$0" "$1" completion bash | head -1';
  const out = execFileSync(
    'bash',
    ['--norc', '-o', 'pipefail', '-c', script, process.execPath, `${import.meta.dirname}/main.ts`],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(out, '# bash completion for sally\n');
});
