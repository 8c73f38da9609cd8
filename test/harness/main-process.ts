// The product as a bare process: for what happens before it is ready, when it does not get that far, and for
// installations that are no demo. sallyport.ts is the comfortable way for everything else.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from './checks.ts';
import { childEnvironment } from './child-environment.ts';

const START_LIMIT_MS = 90_000;
const POLL_MS = 25;

export interface MainProcess {
  pid: number;
  /** What it wrote so far, both streams. */
  output(): string;
  /** Resolves when it says that it is ready. Errors: when it ends before that, or takes longer than 90 s. */
  ready(): Promise<void>;
  /** Once ready. */
  server(): string;
  gatewayPort(): number;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  /** Ends it, whatever it is doing. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** `env` is all that it gets besides PATH and free ports; `root` where the program lies; `openFiles` at most, if given. */
export function runMain(
  env: Record<string, string>,
  folder: string,
  root = ROOT,
  openFiles?: number,
): MainProcess {
  const command = [process.execPath, join(root, 'src', 'main.ts')];
  const [program = '', ...words] =
    openFiles === undefined
      ? command
      : ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, ...command];
  const child = spawn(program, words, {
    cwd: folder,
    env: {
      ...childEnvironment(),
      HOME: folder,
      SALLY_HTTP_PORT: '0',
      SALLY_PG_PORT: '0',
      SALLY_SSH_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  let over = false;
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => {
      over = true;
      resolve(signal ?? code ?? 1);
    }),
  );
  const told = (form: RegExp) => {
    const found = form.exec(output)?.[1];
    if (found === undefined) throw new Error(`It has not said so yet.\n${output}`);
    return found;
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async ready() {
      const endsAt = Date.now() + START_LIMIT_MS;
      while (!output.includes('is ready.')) {
        if (over) throw new Error(`It did not start.\n${output}`);
        if (Date.now() > endsAt) throw new Error(`It was not ready within ${START_LIMIT_MS} ms.\n${output}`);
        await delay(POLL_MS);
      }
    },
    server: () => told(/Portal and API +(http:\S+)/),
    gatewayPort: () => Number(told(/PostgreSQL gateway +\S+:(\d+)/)),
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (over) return;
      child.kill('SIGTERM');
      const late = await Promise.race([ended.then(() => false), delay(10_000, true, { ref: false })]);
      if (late) child.kill('SIGKILL');
      await ended;
    },
  };
}
