// The long runs: `npm run test:faults`. What `npm test` does twenty times, this does until it would have shown, plus
// whatever takes too long for every change. Words pick files, as with `npm test`.

import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../harness/checks.ts';
import { setUp } from '../harness/set-up.ts';

const CRASHES = '100';
const POLICY_QUESTIONS = '100000';
const POLICIES = '50000';
const FILE_LIMIT_MS = 3_600_000;

const words = process.argv.slice(2);
await setUp((line) => process.stderr.write(`${line}\n`));
const files = [
  'test/features/crash.test.ts',
  'test/features/store-away.test.ts',
  ...globSync('test/faults/**/*.test.ts', { cwd: ROOT }),
];
const chosen = files.filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
if (chosen.length === 0) {
  process.stderr.write(`No fault test is named like that. There are:\n  ${files.join('\n  ')}\n`);
  process.exit(2);
}
const runner = spawn(
  process.execPath,
  [
    '--test',
    '--test-concurrency=1',
    `--test-timeout=${FILE_LIMIT_MS}`,
    '--test-reporter=spec',
    ...chosen.map((file) => join(ROOT, file)),
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      SALLY_CRASHES: CRASHES,
      SALLY_POLICY_QUESTIONS: POLICY_QUESTIONS,
      SALLY_POLICIES: POLICIES,
    },
  },
);
runner.once('exit', (code) => process.exit(code ?? 1));
