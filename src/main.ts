// The process: configuration, the lock on the data folder, embedded servers, signals, and what it says to the person
// who started it. What it starts is wired in program.ts.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, messageOf } from './base/errors.ts';
import { createLog, type Logger } from './base/log.ts';
import { sleep } from './base/timer.ts';
import { type Config, loadConfig } from './config.ts';
import { lockData } from './db/embedded/data-lock.ts';
import { type Embedded, startEmbedded } from './db/embedded/embedded.ts';
import { type DemoTarget, removeDemoFile, seedDemo, startDemoTarget, writeDemoFile } from './demo/demo.ts';
import { DEMO_PRINCIPALS } from './demo/people.ts';
import { watchParent } from './parent-watch.ts';
import { type Program, type ProgramInput, startProgram } from './program.ts';

const ROOT = join(import.meta.dirname, '..');
/** The whole stop, embedded servers included; after that the process ends whatever hangs. */
const STOP_LIMIT_MS = 4_800;
/** Of that, for a start that is under way to end what it has begun. */
const UNDO_LIMIT_MS = 1_800;
const STORE_DATABASE = 'postgres';

interface Running {
  program: Program;
  servers: Embedded[];
}

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog(config.logLevel);
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  const unlock = lockData(config.dataFolder);
  removeDemoFile(config.dataFolder);
  const stopping = new AbortController();
  const hurry = new AbortController();
  const servers: Embedded[] = [];
  let starting: Promise<Running> | null = null;
  let ready: Program | null = null;
  let draining = false;
  let lost = false;

  const stop = async (reason: string, drainSeconds = config.replica.drainSeconds) => {
    if (draining) hurry.abort();
    if (draining || stopping.signal.aborted) return;
    if (ready !== null && drainSeconds > 0 && !hurry.signal.aborted) {
      draining = true;
      say(`\nTakes nothing new any more; open sessions have ${drainSeconds} s (again to stop at once) …`);
      await ready.drain(drainSeconds, hurry.signal);
    }
    stopping.abort();
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    const late = sleep(UNDO_LIMIT_MS).then(() => null);
    const running = await Promise.race([starting?.catch(() => null) ?? null, late]);
    await shutDown(config, running, servers, reason, log);
    unlock();
    process.exit(lost ? 1 : 0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
  watchParent(() => {
    hurry.abort();
    void stop('the process that started this one is gone');
  });

  try {
    starting = start(config, log, servers, stopping.signal, {
      onLost: (why) => {
        lost = true;
        hurry.abort();
        void stop(why);
      },
      onDrain: (seconds) => void stop('it was asked to', seconds ?? undefined),
    });
    const { program } = await starting;
    ready = program;
    if (!stopping.signal.aborted) welcome(config, program);
  } catch (error) {
    if (stopping.signal.aborted) return;
    await Promise.allSettled(servers.map((server) => server.stop()));
    unlock();
    throw error;
  }
}

async function start(
  config: Config,
  log: Logger,
  servers: Embedded[],
  signal: AbortSignal,
  asked: Pick<ProgramInput, 'onLost' | 'onDrain'>,
): Promise<Running> {
  let storeUrl = config.databaseUrl;
  if (storeUrl === null) {
    say('Starting the embedded store (a real PostgreSQL 18; for trying out, not for production data) …');
    const store = await startEmbedded({
      folder: join(config.dataFolder, 'store'),
      name: 'store',
      log,
      signal,
    });
    servers.push(store);
    storeUrl = store.url(STORE_DATABASE);
  }
  const isDemo = config.mode === 'demo';
  let target = null as DemoTarget | null;
  let tokens = new Map<string, string>();
  const program = await startProgram({
    config,
    storeUrl,
    log,
    version: version(),
    ...asked,
    demo: isDemo ? { people: DEMO_PRINCIPALS.filter((one) => one.kind === 'person') } : null,
    portalFolder: join(ROOT, 'portal', 'dist'),
    // After the store has shown that it can be used: filling the target takes its time.
    prepare: async (ctx) => {
      if (!isDemo) return;
      target = await startDemoTarget(config.dataFolder, log, say, signal, (one) => servers.unshift(one));
      tokens = await seedDemo(ctx, target);
    },
  });
  if (target !== null && !signal.aborted)
    writeDemoFile(config.dataFolder, program.httpUrl, tokens, target.server);
  return { program, servers };
}

async function shutDown(
  config: Config,
  running: Running | null,
  servers: Embedded[],
  reason: string,
  log: Logger,
): Promise<void> {
  say(`\nStopping (${reason}) …`);
  removeDemoFile(config.dataFolder);
  const active = (await running?.program.activeGrants().catch(() => [])) ?? [];
  await running?.program.stop(reason);
  const results = await Promise.allSettled(servers.map((server) => server.stop()));
  for (const result of results)
    if (result.status === 'rejected')
      log.error({ reason: messageOf(result.reason) }, 'a server did not stop');
  if (active.length > 0) {
    say(
      'These grants live on; nobody can use them through the gateway while Sallyport is stopped, and each target',
    );
    say('refuses their logins by itself soon after the end. The next start revokes what is due:');
    for (const grant of active)
      say(`  ${grant.id} on ${grant.target}, until ${grant.expiresAt?.toISOString() ?? 'unknown'}`);
  }
  say('Stopped.');
}

// One write, so that whoever waits for the first line has all of them.
function welcome(config: Config, program: Program): void {
  const lines: string[] = [];
  const add = (line: string) => lines.push(line);
  add('');
  add(`Sallyport ${version()} is ready.`);
  add(`  Portal and API      ${program.httpUrl}`);
  if (config.replica.roles.includes('gateway'))
    add(`  PostgreSQL gateway  ${config.postgresGateway.host}:${program.gatewayPort}`);
  add(`  SSH gateway         ${config.sshGateway.host}:${program.sshPort}`);
  if (config.mode !== 'demo') {
    add(`  Configuration       ${config.file}`);
    say(lines.join('\n'));
    return;
  }
  add('');
  add('This is the demo; it listens on this machine only. On the portal, sign in with one click as:');
  for (const one of DEMO_PRINCIPALS) if (one.kind === 'person') add(`  ${one.name.padEnd(16)} ${one.does}`);
  add('and by API or CLI, as a service:');
  for (const one of DEMO_PRINCIPALS) if (one.kind !== 'person') add(`  ${one.name.padEnd(16)} ${one.does}`);
  const prefix = cliEnvironment(config);
  add('');
  add('Try, in another terminal, in this folder, in this order:');
  add(`  ${prefix}./sally --as engineer connect orders-db --task read-orders --reason "look at late orders"`);
  add(
    `  ${prefix}./sally --as engineer request orders-db --task fix-orders --for 30m --reason "order 1042 was paid twice"`,
  );
  add(`  ${prefix}./sally --as auditor audit verify`);
  say(lines.join('\n'));
}

/** What the CLI must be told when the demo is not where it looks by itself. */
function cliEnvironment(config: Config): string {
  return config.dataFolder === join(ROOT, '.sallyport') ? '' : `SALLY_DATA='${config.dataFolder}' `;
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return text;
}

main().catch((error: unknown) => {
  process.stderr.write(`Sallyport did not start: ${messageOf(error)}\n`);
  if (error instanceof Failure && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  else if (!(error instanceof Failure) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
