// What the tools say about the sources: format and lint, and types. Each is a test (test/checks.test.ts) and, for a
// quick look while working, a line of `npm run check`.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(dirname(import.meta.dirname));
/** Where Node keeps what it has compiled, for the many processes of a test run. */
export const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'compiled');

export interface Check {
  name: string;
  /** False, or why it cannot be done here. */
  skip: string | false;
  /** A script below node_modules, with its arguments. */
  command: [string, ...string[]];
}

export const checks: readonly Check[] = [
  {
    name: 'format and lint',
    skip: false,
    command: ['@biomejs/biome/bin/biome', 'check', '--colors=off', '--max-diagnostics=30', '.'],
  },
  {
    name: 'types of server, tests and benches',
    skip: false,
    command: ['typescript/bin/tsc', '--pretty', 'false', '-p', '.'],
  },
  {
    name: 'types of the portal',
    skip: existsSync(join(ROOT, 'portal', 'tsconfig.json')) ? false : 'there is no portal/tsconfig.json',
    command: ['typescript/bin/tsc', '--pretty', 'false', '--noEmit', '-p', 'portal'],
  },
];

/** `output` is what the tool said, both streams. */
export function runCheck(check: Check): Promise<{ passed: boolean; output: string }> {
  const [script, ...args] = check.command;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ passed: false, output: error.message }));
    child.once('close', (code) => resolve({ passed: code === 0, output: output.trim() }));
  });
}
