// Runs the test files of its arguments in their order, `--concurrency=N` at a time, and reports like `node --test`, which
// would sort them by name: then files that mostly wait are begun last, and everybody waits for them.

import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { concurrency: { type: 'string' }, timeout: { type: 'string' } },
});
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

const tests = run({
  files: positionals,
  concurrency: Number(values.concurrency),
  timeout: Number(values.timeout),
  signal: stopping.signal,
});
tests.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1;
});
tests.compose(spec).pipe(process.stdout);
