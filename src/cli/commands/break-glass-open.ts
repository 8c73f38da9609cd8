// `sally break-glass open`: opens an emergency kit with a quorum of shares, and a session directly on the target. It
// asks no server: it is for when there is none.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { reasonText } from '../../api/text.ts';
import { describeDuration } from '../../base/duration.ts';
import { Failure } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';
import { after } from '../../base/timer.ts';
import {
  type KitFile,
  type KitTarget,
  LARGEST_KIT_BYTES,
  openKit,
  readKitFile,
} from '../../break-glass/kit-file/kit-file.ts';
import { findProgram, runChild } from '../child.ts';
import { type Dsn, dsnVariables } from '../dsn.ts';
import { usage } from '../exit-codes.ts';
import { collectShares } from '../kit-shares.ts';
import { neededReason } from '../needed.ts';
import { printable } from '../printable.ts';
import { readIfThere, writeNewPrivateFile } from '../private-file.ts';
import { askChoice } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';

interface Options {
  target?: string;
  reason?: string;
  sharesFile: string[];
  print?: boolean;
}

export function openCommand(): Command {
  return leaf(
    'open <kit-file> [command...]',
    'open an emergency kit with a quorum of shares, without a server',
    [
      'break-glass open kit-prod-eu.json --target orders-db --reason "INC-1042, the platform is down"',
      'break-glass open kit-prod-eu.json --shares-file ada.txt --shares-file bo.txt --target orders-db --reason "INC-1042" -- psql -f fix.sql',
      'break-glass open kit-prod-eu.json --shares-file shares.txt --print --json',
    ],
  )
    .usage('<kit-file> [options] [-- command...]')
    .option('--target <name>', 'on which target; asked for when there are several')
    .option('--reason <text>', 'why; the target writes it down before it lets anybody in')
    .option(
      '--shares-file <file>',
      'shares, one a line; may be given several times. Without it they are asked for',
      keep,
      [],
    )
    .option('--print', 'print the connection strings and what to call, and open nothing')
    .action(async (path: string, words: string[], options: Options, self: Command) => {
      const run = startRun(self);
      const file = readKit(path);
      sayWhat(run, file);
      const shares = await collectShares(run, file, options.sharesFile);
      const targets = await openKit(file, shares);
      if (options.print === true) return print(run, file, targets);
      const target = await choose(run, targets, options.target);
      const reason = reasonText.parse(
        await neededReason(run, options.reason, 'Why? (the target writes it down)'),
      );
      const holders = shares.map((share) => file.holders[share.place - 1]).join(', ');
      const { openOnTarget } = await import('../sql/open-on-target.ts');
      const { until } = await openOnTarget(target, holders, reason);
      run.out.say(
        `${target.name} has written the opening down and lets ${target.login} in until ${until.toISOString()}.`,
      );
      run.out.say(
        'New logins end then by themselves. An open session that goes on is ended once Sallyport is back, or by the target’s administrators.',
      );
      process.exitCode = await untilOver(run, target, until, words);
    });
}

const keep = (value: string, before: string[]) => [...before, value];

function readKit(path: string): KitFile {
  let bytes = 0;
  try {
    bytes = statSync(path).size;
  } catch {
    // Told below, by the reader that knows why.
  }
  const text = bytes > LARGEST_KIT_BYTES ? null : readIfThere(path);
  if (text === null)
    throw new Failure('invalid', 'unreadable-file', `${path} is not there, or is too large for a kit.`, {
      hint: 'The kit is the file that `sally break-glass kit fetch` wrote.',
    });
  return readKitFile(text);
}

function sayWhat(run: Run, file: KitFile): void {
  run.out.say(
    `Emergency kit of ${file.segment}, generation ${file.generation}: ${file.task} for ${describeDuration(file.limitSeconds)}; ${file.quorum} of ${file.holders.join(', ')}.`,
  );
  // This machine's clock may be wrong, so it is tried all the same.
  if (Date.parse(file.expiresAt) < Date.now())
    run.out.say(
      run.out.paint(
        'bad',
        `STALE: it expired on ${file.expiresAt.slice(0, 10)}; the targets refuse its logins. Is there a newer file?`,
      ),
    );
}

async function choose(run: Run, targets: KitTarget[], name: string | undefined): Promise<KitTarget> {
  const names = targets.map((one) => one.name).join(', ');
  if (name !== undefined) {
    const found = targets.find((one) => one.name === name);
    if (found === undefined) throw usage(`This kit opens no target "${name}".`, `It opens ${names}.`);
    return found;
  }
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return only;
  if (!run.interactive) throw usage('Which target?', `Add --target: ${names}.`);
  const chosen = await askChoice(
    'Which target?',
    targets.map((one) => ({ value: one.name, label: one.name, hint: `${one.host}:${one.port}` })),
  );
  return choose(run, targets, chosen);
}

function print(run: Run, file: KitFile, targets: KitTarget[]): void {
  const items = targets.map((target) => ({
    ...target,
    dsn: dsnOf(target).whole.reveal(),
    psql: psqlLine(target),
  }));
  run.out.data(
    { segment: file.segment, generation: file.generation, limitSeconds: file.limitSeconds, targets: items },
    () =>
      items.flatMap((one) => [
        `${one.name}:`,
        `  ${printable(one.dsn)}`,
        `  ${printable(one.psql)}`,
        `  then twice, each by itself: ${printable(one.openSql.replace('$1', "'<who opens>'").replace('$2', "'<why>'"))};`,
        `  The first call writes the opening down, the second lets in, for ${describeDuration(file.limitSeconds)} from the first.`,
      ]),
  );
}

function psqlLine(target: KitTarget): string {
  return `psql "host=${target.host} port=${target.port} dbname=${target.database} user=${target.login} sslmode=${sslMode(target)}"`;
}

const sslMode = (target: KitTarget) =>
  target.tls === 'off'
    ? 'disable'
    : target.tls === 'prefer'
      ? 'prefer'
      : target.ca === undefined
        ? 'require'
        : 'verify-full';

function dsnOf(target: KitTarget): Dsn {
  const { host, port, login, database } = target;
  const where = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port,
    user: login,
    database,
    password: new Secret(target.password),
    sslMode: sslMode(target),
    whole: new Secret(
      `postgres://${login}:${target.password}@${where}:${port}/${database}?sslmode=${sslMode(target)}`,
    ),
  };
}

/** The client, until it ends or the opening does: then it is stopped here, which is a courtesy and no lock. */
async function untilOver(run: Run, target: KitTarget, until: Date, words: string[]): Promise<number> {
  const dsn = dsnOf(target);
  const leftMs = Math.max(0, until.getTime() - Date.now());
  const stop = after(leftMs, () => {
    run.out.say('\r\nThe opening has ended.\r');
    process.kill(process.pid, 'SIGTERM');
  });
  const folder = target.ca === undefined ? null : mkdtempSync(join(tmpdir(), 'sally-kit-'));
  try {
    const variables = dsnVariables(dsn);
    if (folder !== null && target.ca !== undefined) {
      const path = join(folder, 'ca.pem');
      writeNewPrivateFile(path, target.ca);
      variables.PGSSLROOTCERT = path;
    }
    const [program, ...args] = words;
    if (program !== undefined) return await runChild(program, args, variables);
    const psql = findProgram('psql', run.environment.searchPath);
    if (psql !== null && !run.out.json) return await runChild(psql, [], variables);
    const { sqlPrompt } = await import('../sql/sql-prompt.ts');
    return await sqlPrompt(run, dsn, () => until.getTime() <= Date.now());
  } finally {
    stop.cancel();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}
