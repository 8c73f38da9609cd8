// `sally connect`: from a wish to a prompt on the target in one command: an active grant is used again, otherwise
// one is asked for and waited for; then psql, the built-in prompt or a given command runs with its credentials.

import type { Command } from 'commander';
import { type Grant, grant as grantSchema, type IssuedCredential } from '../../api/grants.ts';
import { sleep } from '../../base/timer.ts';
import { USUAL_DURATION } from '../ask-access.ts';
import { grantSentence } from '../cards.ts';
import { findProgram, runChild } from '../child.ts';
import { type Api, path } from '../client.ts';
import { dsnVariables, parseDsn } from '../dsn.ts';
import { endGrant } from '../end-grant.ts';
import { usage } from '../exit-codes.ts';
import { type AccessOptions, heldAccess, newAccess, takeSecret } from '../find-access.ts';
import { isHostSession, runHostClient } from '../host-client.ts';
import { oneOf } from '../lists.ts';
import { printable } from '../printable.ts';
import { askYesNo } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { left } from '../times.ts';

interface Options extends AccessOptions {
  client?: string;
  done?: boolean;
}

/** A session that is lost this near to the deadline was ended by it. */
const END_SLACK_MS = 2000;
const WARN_BEFORE_MINUTES = [15, 5];
const ASK_AGAIN_MS = 20_000;
const CLIENTS = ['psql', 'built-in'] as const;

export function command(): Command {
  return leaf('connect <target> [command...]', 'ask for access, wait, and open the client or a shell', [
    'connect orders-db --task read-orders --reason "look at order 1042"',
    'connect web-1 --task restart-api --reason "the api hangs" -- systemctl restart api',
    'connect orders-db --task read-orders --for 15m --done -- psql -f report.sql',
    '$ echo "select count(*) from orders" | sally connect orders-db --task read-orders --reason "daily count"',
  ])
    .usage('<target> [options] [-- command...]')
    .option('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--for <duration>', `how long: 45s, 30m, 2h, 1d (default: ${USUAL_DURATION})`)
    .option('--reason <text>', 'what it is for')
    .option('--ticket <id>', 'the ticket that it belongs to')
    .option('--once', 'for one session: the grant ends with it')
    .option('--client <client>', 'psql or built-in (default: psql when it is installed)')
    .option('--timeout <duration>', 'stop waiting for access after this (exit code 5)')
    .option('--done', 'give the grant back when the client ends')
    .action(async (target: string, words: string[], options: Options, self: Command) => {
      const run = startRun(self);
      const client = oneOf('--client', options.client, CLIENTS);
      const api = await run.api();
      const access =
        (await heldAccess(run, api, target, options.task, takeSecret)) ??
        (await newAccess(run, api, target, options, takeSecret));
      if (access === null) return;
      const { grant, issued } = access;
      const giveBack = options.done === true;
      run.out.say(
        `${grant.task} on ${grant.target} as ${grant.login}, ${left(issued.expiresAt, api.nowMs())} left.`,
      );
      let code: number;
      try {
        code = await use(run, api, grant, { issued, words, client });
      } catch (error) {
        if (giveBack) await giveBackQuietly(run, api, grant.id);
        throw error;
      }
      await afterwards(run, api, grant, giveBack);
      process.exitCode = code;
    });
}

async function use(
  run: Run,
  api: Api,
  grant: Grant,
  how: { issued: IssuedCredential; words: string[]; client: (typeof CLIENTS)[number] | undefined },
): Promise<number> {
  const stopWarning = warnBeforeEnd(run, api, grant);
  try {
    if (isHostSession(how.issued)) return await runHostClient(run, how.issued, grant.target, how.words);
    const dsn = parseDsn(how.issued.dsn);
    const [program, ...args] = how.words;
    if (program !== undefined) return await runChild(program, args, dsnVariables(dsn));
    const psql = findProgram('psql', run.environment.searchPath);
    if (how.client === 'psql' && psql === null) {
      throw usage('There is no psql on this machine.', 'Leave out --client, or use --client built-in.');
    }
    if (psql !== null && how.client !== 'built-in' && !run.out.json)
      return await runChild(psql, [], dsnVariables(dsn));
    const { sqlPrompt } = await import('../sql/sql-prompt.ts');
    return await sqlPrompt(
      run,
      dsn,
      () => grant.expiresAt !== null && Date.parse(grant.expiresAt) <= api.nowMs() + END_SLACK_MS,
    );
  } finally {
    stopWarning();
  }
}

/** At fifteen and five minutes before the end, as it is then: an extension or the first connection moves it. */
function warnBeforeEnd(run: Run, api: Api, grant: Grant): () => void {
  if (process.stderr.isTTY !== true) return () => undefined;
  const stop = new AbortController();
  void (async () => {
    const told = new Set<string>();
    for (let now = grant; !stop.signal.aborted; ) {
      await sleep(ASK_AGAIN_MS, stop.signal);
      if (stop.signal.aborted) return;
      now = await api
        .get(path`/api/grants/${grant.id}`, grantSchema, { signal: stop.signal })
        .catch(() => now);
      const { expiresAt, claimBy } = now;
      if (expiresAt === null || claimBy !== null) continue;
      const leftMs = Date.parse(expiresAt) - api.nowMs();
      const minutes = WARN_BEFORE_MINUTES.findLast((one) => leftMs > 0 && leftMs <= one * 60_000);
      if (minutes === undefined || told.has(`${expiresAt} ${minutes}`)) continue;
      told.add(`${expiresAt} ${minutes}`);
      run.out.say(
        `\r\n${left(expiresAt, api.nowMs())} left. Longer: sally extend ${grant.id} --for 30m --reason "…" (in another terminal)\r`,
      );
    }
  })();
  return () => stop.abort();
}

/** What still stands after the client has ended, and the offer to give it back. */
async function afterwards(run: Run, api: Api, grant: Grant, giveBack: boolean): Promise<void> {
  if (giveBack) return giveBackQuietly(run, api, grant.id);
  if (run.out.json) return;
  const now = await api.get(path`/api/grants/${grant.id}`, grantSchema);
  run.out.say(grantSentence(now, api.nowMs()));
  const over = now.expiresAt !== null && Date.parse(now.expiresAt) <= api.nowMs();
  if (now.state !== 'active' || over) return;
  if (run.interactive && (await askYesNo('Give it back now?', false)))
    return giveBackQuietly(run, api, grant.id);
  run.out.say(`Give it back: \`sally done ${grant.id}\``);
}

/** stdout belongs to the client's output, so where the grant stands is said on stderr. */
async function giveBackQuietly(run: Run, api: Api, id: string): Promise<void> {
  const quiet: Run = {
    ...run,
    out: { ...run.out, data: (_value, people) => run.out.say(printable(String(people()))) },
  };
  await endGrant(quiet, api, id, { act: 'done', wait: true });
}
