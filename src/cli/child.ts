// Another program in our place: it has the terminal, Ctrl-C is its own, and its exit code becomes ours.

import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { constants as system } from 'node:os';
import { delimiter, join } from 'node:path';
import { codeOf, Failure } from '../base/errors.ts';
import { childEnvironment } from './environment.ts';
import { holdInterrupts } from './interrupt.ts';

const SIGNALLED = 128;

/** Runs `program` to its end; its exit code, or 128 + the signal's number. Errors: `cannot-run`. */
export function runChild(
  program: string,
  args: string[],
  variables: Record<string, string | null>,
): Promise<number> {
  const release = holdInterrupts();
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: childEnvironment(variables) });
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGTERM', pass);
    process.on('SIGHUP', pass);
    const over = () => {
      release();
      process.off('SIGTERM', pass);
      process.off('SIGHUP', pass);
    };
    child.on('error', (cause) => {
      over();
      const why =
        codeOf(cause) === 'ENOENT' ? 'there is no such program' : (codeOf(cause) ?? 'unknown reason');
      reject(new Failure('invalid', 'cannot-run', `${program} cannot be run: ${why}.`, { cause }));
    });
    child.on('close', (code, signal) => {
      over();
      resolve(code ?? SIGNALLED + (signal === null ? 0 : system.signals[signal]));
    });
  });
}

/** Where a program is on the search path, or null. */
export function findProgram(name: string, searchPath: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}
