// `npm test`: brings what is missing, then runs every test file by Node's runner, whose own counts end the output.
// Words among the arguments pick files by a part of their path; options go to `node --test` as they are, which runs the
// files by name: `npm test -- gateway --test-name-pattern=cancel`.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { watchParent } from '../src/parent-watch.ts';
import { COMPILE_CACHE, ROOT } from './harness/checks.ts';
import { setUp } from './harness/set-up.ts';

/** The long ones first: short ones then fill what is left at the end. */
const FOLDERS = ['test', 'src', 'portal', 'bench'];
const IN_ORDER = join(ROOT, 'test', 'in-order.ts');
const TEST_CONCURRENCY = 4;
/** They mostly wait: all at once they would leave the processors idle, and begun last keep everybody waiting. */
const WAITING = [
  ...['target-trouble', 'recovery', 'own-installation', 'bundles', 'deadline', 'refused-start'],
  ...['full-disk', 'grant-changes', 'store-away', 'bypasses'],
];
/** How many others are begun between two of them. */
const APART = 6;
const TEST_TIMEOUT_MS = 600_000;
const HARD_END_MS = 8_000;
/** A file that never ends would hold everything up; what runs at that time is then reported as cancelled. */
const RUN_LIMIT_MS = 40 * 60_000;

// $1 is the process group of the tests. End of input means that this program is gone: then they end too.
const WATCH =
  'cat >/dev/null; kill -s TERM -- "-$1" 2>/dev/null || exit 0; sleep 5; kill -s KILL -- "-$1" 2>/dev/null';

const say = (line: string) => console.error(line);
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const options = process.argv.slice(2).filter((word) => word.startsWith('-'));

for (const line of await setUp(say)) say(line);
const files = spread(
  FOLDERS.flatMap((folder) => testFiles(join(ROOT, folder)))
    .map((file) => relative(ROOT, file))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word))),
);
if (files.length === 0) {
  say(`No test file has ${words.map((word) => `"${word}"`).join(' or ')} in its path.`);
  process.exitCode = 1;
} else {
  runTests(files);
}

function spread(files: string[]): string[] {
  const waiting = WAITING.flatMap((name) => files.filter((file) => file.endsWith(`/${name}.test.ts`)));
  const others = files.filter((file) => !waiting.includes(file));
  return [
    ...waiting.flatMap((file, n) => [file, ...others.slice(n * APART, (n + 1) * APART)]),
    ...others.slice(waiting.length * APART),
  ];
}

function testFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules' && entry.name !== 'dist')
    .flatMap((entry) =>
      entry.isDirectory()
        ? testFiles(join(folder, entry.name))
        : entry.name.endsWith('.test.ts')
          ? [join(folder, entry.name)]
          : [],
    )
    .sort();
}

function runTests(files: string[]): void {
  const common = ['--disable-warning=ExperimentalWarning'];
  const args =
    options.length === 0
      ? [IN_ORDER, `--concurrency=${TEST_CONCURRENCY}`, `--timeout=${TEST_TIMEOUT_MS}`]
      : [
          '--test',
          '--test-reporter=spec',
          `--test-concurrency=${TEST_CONCURRENCY}`,
          `--test-timeout=${TEST_TIMEOUT_MS}`,
          ...options,
        ];
  // A group of its own, so that it can be ended whole, whatever has become of its leader.
  const child = spawn(process.execPath, [...common, ...args, ...files], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    env: cleanEnvironment(),
  });
  const group = child.pid;
  if (group === undefined) throw new Error('Node does not start.');
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sallyport-test-watch', String(group)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    child.kill('SIGINT');
    setTimeout(() => endGroup(group), HARD_END_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  watchParent(stop);
  setTimeout(() => {
    say(`The tests have run for ${RUN_LIMIT_MS / 60_000} minutes; stopping them.`);
    stop();
  }, RUN_LIMIT_MS).unref();
  child.once('exit', (code) => {
    watcher.kill('SIGKILL');
    endGroup(group);
    process.exit(stopping ? 130 : (code ?? 1));
  });
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** Tests set up their own Sallyport: what the caller has set for his must not lead them there. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SALLY_|PG|DATABASE_URL$|NODE_OPTIONS$|NODE_TEST_CONTEXT$|XDG_)/.test(name),
  );
  return { ...Object.fromEntries(kept), NODE_COMPILE_CACHE: COMPILE_CACHE };
}
