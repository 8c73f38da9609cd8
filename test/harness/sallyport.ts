// The whole product as a process of its own, with the demo in a folder of its own, on ports that nobody else has:
// what a feature test drives by API and CLI, kills, and starts again.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { changedPrincipal } from '../../src/api/people-changes.ts';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { ROOT } from './checks.ts';
import { childEnvironment } from './child-environment.ts';
import { copyPreparedDemo } from './prepared-demo.ts';

const START_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 10_000;

export type Person = 'engineer' | 'approver' | 'second-approver' | 'auditor' | 'admin' | 'deploy-bot';

export interface Answer {
  status: number;
  body: unknown;
}

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Sallyport {
  dataFolder: string;
  /** Of the running process. */
  pid(): number;
  server(): string;
  token(person: Person): string;
  /** The demo target's superuser, for looking at the target itself. */
  adminUrl(): string;
  /** The embedded store's superuser, for tampering with it as its administrator could. */
  storeUrl(): string;
  call(person: Person | null, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer>;
  /** As `call`, and fails unless the answer is a success that parses. */
  ask<S extends z.ZodType>(
    person: Person,
    method: 'GET' | 'POST',
    path: string,
    answer: S,
    body?: unknown,
  ): Promise<z.output<S>>;
  /** `./sally …` as that person; never waits for a terminal. */
  cli(person: Person, ...args: string[]): Promise<CliResult>;
  /** kill -9 of the program; its database servers are left as a crash leaves them. */
  crash(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Resolves when it has ended by itself; then `start` brings it back. */
  ended(): Promise<void>;
  /** To a program that listens on its channel. */
  send(message: object): void;
  /** After `crash`, `stop` or its own end: again on the same folder. */
  start(): Promise<void>;
  /** What the program wrote so far, both streams. */
  output(): string;
  /** Stops it and removes its folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface OtherProgram {
  /** Instead of src/main.ts. */
  entry: string;
  /** Where its store is, when it is not the embedded one. */
  storeUrl: string;
  /** What it sends over its channel. */
  hear(message: unknown): void;
}

/**
 * `env` is added to the program's environment. Ports are free ones unless it names them. With `first` it begins with an
 * empty folder; otherwise with a demo that was started once before.
 */
export async function startSallyport(
  env: Record<string, string> = {},
  { first = false, other }: { first?: boolean; other?: OtherProgram } = {},
): Promise<Sallyport> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-feature-'));
  const ownStore = env.DATABASE_URL !== undefined || env.SALLY_CONFIG !== undefined;
  if (!first && !ownStore)
    await copyPreparedDemo(dataFolder, async (draft) => {
      await (await startIn(draft, {})).stop();
    });
  return startIn(dataFolder, env, other);
}

async function startIn(
  dataFolder: string,
  env: Record<string, string>,
  other?: OtherProgram,
): Promise<Sallyport> {
  let child: ChildProcess | null = null;
  let output = '';
  let facts: DemoFacts = { server: '', people: {}, targets: {} };

  async function start(): Promise<void> {
    output = '';
    const program = spawn(process.execPath, [other?.entry ?? join(ROOT, 'src', 'main.ts')], {
      cwd: dataFolder,
      env: {
        ...childEnvironment(),
        HOME: dataFolder,
        SALLY_DATA: dataFolder,
        SALLY_HTTP_PORT: '0',
        SALLY_PG_PORT: '0',
        SALLY_SSH_PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...(other === undefined ? [] : ['ipc' as const])],
    });
    child = program;
    if (other !== undefined) program.on('message', other.hear);
    program.stdout?.on('data', (chunk) => (output += String(chunk)));
    program.stderr?.on('data', (chunk) => (output += String(chunk)));
    facts = await demoFacts(program, dataFolder, () => output);
  }

  async function end(signal: NodeJS.Signals, limitMs: number): Promise<number | null> {
    const program = child;
    child = null;
    if (program === null || program.exitCode !== null || program.signalCode !== null)
      return program?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => program.once('exit', resolve));
    program.kill(signal);
    const code = await Promise.race([ended, delay(limitMs, 'late' as const)]);
    if (code !== 'late') return code;
    program.kill('SIGKILL');
    throw new Error(`The program did not end within ${limitMs} ms of ${signal}.\n${output}`);
  }

  const token = (person: Person) => {
    const found = facts.people[person]?.token;
    if (found === undefined) throw new Error(`demo.json does not name ${person}.`);
    return found;
  };

  async function call(
    person: Person | null,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<Answer> {
    const response = await fetch(`${facts.server}${path}`, {
      method,
      headers: {
        ...(person === null ? {} : { authorization: `Bearer ${token(person)}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '')
        ? JSON.parse(text)
        : text,
    };
  }

  const sallyport: Sallyport = {
    dataFolder,
    pid: () => child?.pid ?? 0,
    server: () => facts.server,
    token,
    adminUrl: () => facts.targets['orders-db']?.admin ?? '',
    storeUrl: () => other?.storeUrl ?? embeddedStoreUrl(dataFolder),
    call,
    async ask(person, method, path, answer, body) {
      const got = await call(person, method, path, body);
      if (got.status >= 300)
        throw new Error(`${method} ${path} answered ${got.status}: ${JSON.stringify(got.body)}`);
      return answer.parse(got.body);
    },
    cli: (person, ...args) =>
      runCli(args, { SALLY_SERVER: facts.server, SALLY_TOKEN: token(person), HOME: dataFolder }),
    crash: () => end('SIGKILL', STOP_LIMIT_MS).then(() => undefined),
    stop: () => end('SIGTERM', STOP_LIMIT_MS),
    ended: () =>
      new Promise((resolve) => {
        if (child === null || child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once('exit', () => resolve());
      }),
    send: (message) => void child?.send(message),
    start,
    output: () => output,
    async [Symbol.asyncDispose]() {
      // A crashed program's database servers are taken over by a start and then stopped.
      if (child === null && existsSync(join(dataFolder, 'store'))) await start().catch(() => undefined);
      await end('SIGTERM', STOP_LIMIT_MS);
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await end('SIGTERM', STOP_LIMIT_MS);
    throw error;
  }
  return sallyport;
}

/**
 * Puts a whole set in force as two people do: proposed by the administrator, signed by an approver. The set that is in
 * force already is left alone. Gives the cautions.
 */
export async function publishPolicies(
  sallyport: Sallyport,
  files: Record<string, string>,
): Promise<string[]> {
  const proposed = await sallyport.call('admin', 'POST', '/api/policy/proposals', {
    files,
    comment: 'for a test',
  });
  const code = z.object({ code: z.string() }).safeParse(proposed.body);
  if (proposed.status === 409 && code.data?.code === 'nothing-changes') return [];
  if (proposed.status !== 201) throw new Error(`not proposed: ${JSON.stringify(proposed.body)}`);
  const { id, digest } = changeAnswer.parse(proposed.body).proposal;
  const signed = await sallyport.ask('approver', 'POST', `/api/policy/proposals/${id}/sign`, changeAnswer, {
    digest,
  });
  if (!signed.inForce) throw new Error(`not in force: ${JSON.stringify(signed)}`);
  return signed.cautions;
}

/** The files of the set in force. */
export async function policiesInForce(sallyport: Sallyport): Promise<Record<string, string>> {
  const answer = z.object({ files: z.record(z.string(), z.string()) });
  return (await sallyport.ask('admin', 'GET', '/api/policy', answer)).files;
}

/** The embedded store's superuser. */
export function embeddedStoreUrl(dataFolder: string): string {
  const kept = (name: string) => readFileSync(join(dataFolder, 'store', name), 'utf8').trim();
  return `postgres://postgres:${encodeURIComponent(kept('password'))}@127.0.0.1:${kept('port')}/postgres`;
}

interface DemoFacts {
  server: string;
  people: Record<string, { token: string }>;
  targets: Record<string, { admin: string }>;
}

async function demoFacts(
  program: ChildProcess,
  dataFolder: string,
  output: () => string,
): Promise<DemoFacts> {
  const file = join(dataFolder, 'demo.json');
  const endsAt = Date.now() + START_LIMIT_MS;
  while (Date.now() < endsAt) {
    if (program.exitCode !== null || program.signalCode !== null)
      throw new Error(`The program did not start.\n${output()}`);
    // The file of the run before is removed at start, so what is there is of this run; it is written whole.
    if (existsSync(file) && output().includes('is ready'))
      return JSON.parse(readFileSync(file, 'utf8')) as DemoFacts;
    await delay(50);
  }
  throw new Error(`The program was not ready within ${START_LIMIT_MS} ms.\n${output()}`);
}

/** The CLI as a process, without a terminal. `env` is all that it gets besides PATH. */
export function runCli(args: string[], env: Record<string, string>, input = ''): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const cli = spawn(process.execPath, [join(ROOT, 'src', 'cli', 'main.ts'), ...args], {
      env: { ...childEnvironment(), NO_COLOR: '1', ...env },
      stdio: 'pipe',
    });
    const result: CliResult = { code: null, stdout: '', stderr: '' };
    cli.stdout.on('data', (chunk) => (result.stdout += String(chunk)));
    cli.stderr.on('data', (chunk) => (result.stderr += String(chunk)));
    cli.once('error', reject);
    cli.once('close', (code) => resolve({ ...result, code }));
    cli.stdin.end(input);
  });
}

/** As two people do it: what gives a right or a voice waits for the second. */
export async function joinGroups(sallyport: Sallyport, name: string, groups: string[]): Promise<void> {
  for (const group of groups) await sallyport.call('admin', 'POST', '/api/groups', { name: group });
  const wanted = { join: groups, reason: 'a test' };
  const path = `/api/principals/${name}/change`;
  const { waiting } = await sallyport.ask('admin', 'POST', path, changedPrincipal, wanted);
  if (waiting === null) return;
  await sallyport.ask('approver', 'POST', `/api/people-changes/${waiting.id}/confirm`, changedPrincipal, {});
}
