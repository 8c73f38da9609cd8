// A program that a test runs and talks with: its JSON lines one after another, its end, and a hard end in any case.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProgramEvent {
  event: string;
  [fact: string]: unknown;
}

export interface Program {
  pid: number;
  /** The next event of that name; earlier others stay in `events`. Errors: an Error when it ends without. */
  next(event: string): Promise<ProgramEvent>;
  events: ProgramEvent[];
  /** Closes its input. */
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Exit code or signal. */
  ended: Promise<number | NodeJS.Signals>;
  child: ChildProcess;
}

/** `command` is a program with its arguments. Its stderr goes to the test's, since that is where trouble shows. */
export function startProgram(
  command: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  const events: ProgramEvent[] = [];
  const waiting: { event: string; resolve: (event: ProgramEvent) => void; reject: (error: Error) => void }[] =
    [];
  let taken = 0;
  let over = false;
  child.stdin.on('error', () => undefined);
  const settle = () => {
    for (let w = waiting[0]; w !== undefined; w = waiting[0]) {
      const wanted = w.event;
      const at = events.findIndex((one, index) => index >= taken && one.event === wanted);
      if (at < 0) {
        if (!over) return;
        w.reject(new Error(`It ended without "${wanted}": ${JSON.stringify(events.slice(taken))}`));
      } else {
        taken = at + 1;
        w.resolve(events[at] as ProgramEvent);
      }
      waiting.shift();
    }
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as ProgramEvent);
    settle();
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    const end = (how: number | NodeJS.Signals) => {
      over = true;
      settle();
      resolve(how);
    };
    child.once('error', () => end(127));
    child.once('close', (code, signal) => end(signal ?? code ?? 1));
  });
  return {
    pid: child.pid ?? 0,
    events,
    next: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        settle();
      }),
    endInput: () => child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    ended,
    child,
  };
}
