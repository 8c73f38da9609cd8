// `npm run test:faults`: the whole fault table (table.ts), each row by the tests that show it, with their long settings.
// At the end a table: row, pass mark, what was measured, passed, failed or skipped and why. Words pick rows; `--json`
// puts the same on stdout as one JSON array, `--list` only says which rows there are.

import { basename, join } from 'node:path';
import { run } from 'node:test';
import { COMPILE_CACHE, ROOT } from '../harness/checks.ts';
import { readFigure, readProgress } from '../harness/figure.ts';
import { setUp } from '../harness/set-up.ts';
import { judge, type RowResult, type SeenTest } from './judge.ts';
import { FAULT_TABLE, type FaultRow } from './table.ts';

/** What `npm test` does a few times, this does until it would have shown. */
const LONG: Readonly<Record<string, string>> = {
  SALLY_CRASHES: '50',
  SALLY_CRASH_STEPS: 'all',
  SALLY_MODEL_RUNS: '60',
  SALLY_POLICY_QUESTIONS: '100000',
};
const FILE_LIMIT_MS = 3 * 3_600_000;
/** Files at a time, but for those that measure: the first, which dies at every step, takes as long as all others. */
const LANES = 2;

const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const options = new Set(process.argv.slice(2).filter((word) => word.startsWith('-')));
const say = (line: string) => process.stderr.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const rows = FAULT_TABLE.filter(
    (row) => words.length === 0 || words.some((word) => `${row.key} ${row.fault}`.includes(word)),
  );
  const odd = [...options].find((option) => option !== '--json' && option !== '--list');
  if (odd !== undefined || rows.length === 0 || options.has('--list')) {
    if (odd !== undefined) say(`Unknown option ${odd}.`);
    else if (rows.length === 0)
      say(`No row of the fault table has ${words.map((word) => `"${word}"`).join(' or ')}.`);
    say('npm run test:faults -- [words] [--json] [--list]');
    for (const { key, fault } of FAULT_TABLE) say(`  ${key.padEnd(16)} ${fault}`);
    return options.has('--list') && odd === undefined ? 0 : 2;
  }
  for (const line of await setUp(say)) say(line);
  for (const [name, value] of Object.entries(LONG)) process.env[name] ??= value;
  process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
  const seen: SeenTest[] = [];
  const figures = new Map<string, string[]>();
  const shown = rows.flatMap(({ shownBy }) => shownBy);
  const runAll = async (files: Set<string>, lanes: number) => {
    const left = [...files];
    const lane = async () => {
      for (let file = left.shift(); file !== undefined; file = left.shift())
        await runFile(file, patternsOf(rows, file), seen, figures);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  await runAll(new Set(shown.filter((one) => !one.alone).map(({ file }) => file)), LANES);
  await runAll(new Set(shown.filter((one) => one.alone).map(({ file }) => file)), 1);
  const results = rows.map((row) => judge(row, seen, figures.get(row.key) ?? []));
  (options.has('--json') ? say : print)(table(results));
  if (options.has('--json')) print(JSON.stringify(results));
  return results.some(({ result }) => result === 'failed') ? 1 : 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** undefined: all of the file's tests. */
function patternsOf(rows: readonly FaultRow[], file: string): RegExp[] | undefined {
  const all = rows.flatMap(({ shownBy }) => shownBy.filter((one) => one.file === file));
  const patterns = all.flatMap(({ only }) => only ?? []);
  return patterns.length === all.length ? patterns : undefined;
}

async function runFile(
  file: string,
  testNamePatterns: RegExp[] | undefined,
  seen: SeenTest[],
  figures: Map<string, string[]>,
): Promise<void> {
  const tell = (line: string) => say(`${basename(file).replace(/\..*$/, '').padEnd(18)} ${line}`);
  tell('begins');
  const events = run({
    files: [join(ROOT, file)],
    concurrency: 1,
    timeout: FILE_LIMIT_MS,
    ...(testNamePatterns === undefined ? {} : { testNamePatterns }),
  });
  for await (const event of events) {
    if (event.type === 'test:diagnostic') {
      const found = readFigure(event.data.message);
      if (found !== null) figures.set(found.row, [...(figures.get(found.row) ?? []), found.text]);
      if (found !== null || event.data.message.startsWith('SALLY_SEED')) tell(`  ${event.data.message}`);
    } else if (event.type === 'test:stderr') {
      const found = readProgress(event.data.message);
      if (found !== null) tell(`  ${found}`);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { name, skip, details } = event.data;
      const failed = event.type === 'test:fail';
      if (failed) tell(String(details.error?.cause ?? details.error));
      if (details.type === 'suite' && !failed) continue;
      const skipped = skip === undefined || skip === false ? null : skip === true ? 'skipped' : skip;
      seen.push({ file, name, failed, skipped, suite: details.type === 'suite', ms: details.duration_ms });
      tell(
        `${failed ? '✖' : skipped === null ? '✔' : '−'} ${name} (${(details.duration_ms / 1000).toFixed(1)} s)`,
      );
    }
  }
}

function table(results: readonly RowResult[]): string {
  const lines = results.flatMap((one) => [
    `${one.result.toUpperCase().padEnd(10)} ${one.fault}`,
    `           passes when  ${one.passMark}`,
    ...one.figures.map((text) => `           measured     ${text}`),
    ...(one.why === '' ? [] : [`           ${one.why}`]),
  ]);
  const count = (result: RowResult['result']) => results.filter((one) => one.result === result).length;
  return `\n${lines.join('\n')}\n\n${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped.`;
}
