// `sally proxy`: one address for tools that people have open already. It stays the same from day to day; whether there
// is access behind it is asked when somebody connects.

import type { Command } from 'commander';
import { parseDuration } from '../../base/duration.ts';
import { Failure } from '../../base/errors.ts';
import { createApi } from '../client.ts';
import { endGrant } from '../end-grant.ts';
import { usage } from '../exit-codes.ts';
import type { AccessOptions } from '../find-access.ts';
import { keepAccess } from '../proxy/access-keeper.ts';
import { keepLogin, localLogin } from '../proxy/local-login.ts';
import { startProxy } from '../proxy/proxy.ts';
import { leaf, type Run, startRun } from '../run.ts';

interface Options extends AccessOptions {
  task: string;
  port?: string;
  done?: boolean;
}

const USUAL_TIMEOUT = '10m';

export function command(): Command {
  return leaf('proxy <target>', 'one local address for tools that are open already', [
    'proxy orders-db --task read-orders',
    'proxy orders-db --task fix-orders --port 6543 --for 30m --done',
  ])
    .requiredOption('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--port <port>', 'where to listen on 127.0.0.1 (default: the same as last time)')
    .option('--for <duration>', 'how long each grant is asked for: 45s, 30m, 2h, 1d (default: 1h)')
    .option('--reason <text>', 'what it is for; without it, you are asked when a tool connects')
    .option('--ticket <id>', 'the ticket that it belongs to')
    .option('--timeout <duration>', `how long a tool waits for access (default: ${USUAL_TIMEOUT})`)
    .option('--done', 'at the end, give back the grants that were asked for here')
    .action(async (target: string, options: Options, self: Command) => {
      const run = startRun(self);
      const timeoutSeconds = parseDuration(options.timeout ?? USUAL_TIMEOUT, '--timeout');
      parseDuration(options.for ?? '1h', '--for');
      const { origin, token } = await run.identity();
      const api = createApi(origin, token, run.interrupt);
      const name = `${origin} ${target} ${options.task}`;
      const login = localLogin(run.environment, name);
      const keeper = keepAccess(run, api, target, { ...options, timeoutSeconds });
      const proxy = await startProxy({
        port: options.port === undefined ? login.port : portOf(options.port),
        login,
        keeper,
        say: run.out.say,
      });
      keepLogin(run.environment, name, { ...login, port: proxy.port });
      tellAddress(run, target, { ...login, port: proxy.port });
      await ended(run.interrupt);
      await proxy.close();
      if (options.done === true) await giveBack(run, keeper.asked(), origin, token);
    });
}

function tellAddress(
  run: Run,
  target: string,
  login: ReturnType<typeof localLogin> & { port: number },
): void {
  const { user, port } = login;
  const password = login.password.reveal();
  const dsn = `postgres://${user}:${password}@127.0.0.1:${port}/?sslmode=disable`;
  run.out.data({ host: '127.0.0.1', port, user, password, dsn }, () => dsn);
  run.out.say(
    `${target} is at 127.0.0.1:${port}, user ${user}; the address above has the password and stays the same.`,
  );
  run.out.say('Access is asked for when a tool connects. Ctrl-C ends the proxy.');
}

/** Ctrl-C, or the end of the terminal or the machine's day. */
function ended(interrupt: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    interrupt.addEventListener('abort', () => resolve(), { once: true });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

/** Ctrl-C has stopped all other calls; these go on, and end by the server's own limits. */
async function giveBack(
  run: Run,
  ids: string[],
  ...[origin, token]: [string, Parameters<typeof createApi>[1]]
): Promise<void> {
  const calm = new AbortController().signal;
  const api = createApi(origin, token, calm);
  for (const id of ids) {
    try {
      await endGrant({ ...run, interrupt: calm }, api, id, { act: 'done', wait: true });
    } catch (error) {
      // It may be over already; the others are still to be given back.
      if (!(error instanceof Failure)) throw error;
      run.out.say(`${id}: ${error.message}`);
    }
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw usage(`--port ${text} is no port.`, 'Write a number from 1 to 65535.');
}
