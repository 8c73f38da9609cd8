// `sally audit verify`: checks every entry of the log on this machine, believing neither server nor store, and
// compares with the checkpoint that this machine kept from the last time.

import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { type HeaderLine, linesOf, parseHeader } from '../../audit/verify/export-format.ts';
import { splitNotes } from '../../audit/verify/note.ts';
import { type LogVerification, type VerifyOptions, verifyLog } from '../../audit/verify/verify-log.ts';
import { codeOf, Failure } from '../../base/errors.ts';
import type { Api } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { readKept, writeKept } from '../kept-checkpoints.ts';
import { printable } from '../printable.ts';
import { readIfThere } from '../private-file.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { isLoopback } from '../server.ts';

interface Options {
  offline?: string;
  key?: string;
  checkpoints?: string;
  newLog?: boolean;
}

interface Told extends LogVerification {
  warning?: string;
}

export function verifyCommand(): Command {
  return leaf('verify', 'check every entry of the log on this machine', [
    'audit verify',
    'audit verify --offline log.ndjson --key "$(cat log.vkey)"',
  ])
    .option('--offline <file>', 'check an exported log, without any server')
    .option('--key <vkey>', "the log's public key, when you know it from elsewhere")
    .option('--checkpoints <file>', 'checkpoints that were kept elsewhere (signed notes)')
    .option('--new-log', 'accept that this server has another log than before')
    .action(async (options: Options, self: Command) => {
      const run = startRun(self);
      const kept = options.checkpoints === undefined ? [] : splitNotes(readOrFail(options.checkpoints));
      const given: VerifyOptions = { trustedKey: options.key, keptCheckpoints: kept };
      const told =
        options.offline === undefined
          ? await verifyServer(run, await run.api(), given, options.newLog === true)
          : await verifyLog(fileLines(options.offline), given);
      show(run, told);
    });
}

async function verifyServer(run: Run, api: Api, given: VerifyOptions, newLog: boolean): Promise<Told> {
  run.out.live(`Checking the log of ${api.origin} …`);
  const lines = linesOf(api.stream('/api/audit/export'))[Symbol.asyncIterator]();
  const first = await lines.next();
  const header = first.done === true ? null : parseHeader(first.value);
  const kept = readKept(run.environment, api.origin);
  const replaced = header !== null && kept !== null && nameOf(kept.key) !== header.origin;
  const forget = replaced && (newLog || isLoopback(api.origin));
  const known = kept === null || forget ? null : kept;
  const told = await verifyLog(again(first, lines), {
    trustedKey: given.trustedKey ?? known?.key,
    keptCheckpoints: [...(given.keptCheckpoints ?? []), ...(known === null ? [] : [known.note])],
  });
  run.out.settle();
  if (told.ok && header !== null) remember(run, api.origin, header, told);
  if (told.ok && forget)
    return {
      ...told,
      warning: `This is another log (${header.origin}) than this machine knew for ${api.origin}.`,
    };
  return told;
}

function remember(run: Run, origin: string, header: HeaderLine, told: LogVerification): void {
  if (told.checkpoint !== undefined)
    writeKept(run.environment, origin, { key: header.vkey, note: told.checkpoint });
}

function show(run: Run, told: Told): void {
  const { ok, size, root, badIndex, problem, warning } = told;
  run.out.data({ ok, size, root, badIndex, problem, warning }, () =>
    ok
      ? `The log is whole: ${size} entries, root ${root}.`
      : `The log is NOT as it was: entry ${badIndex} is the first bad one.`,
  );
  if (warning !== undefined) run.out.say(printable(warning));
  if (ok) return;
  process.stderr.write(`sally: first bad index ${badIndex}: ${printable(problem ?? 'unknown')}\n`);
  run.finish(EXIT.failed);
}

async function* again(first: IteratorResult<string>, rest: AsyncIterator<string>): AsyncGenerator<string> {
  for (let at = first; at.done !== true; at = await rest.next()) yield at.value;
}

async function* fileLines(file: string): AsyncGenerator<string> {
  try {
    yield* linesOf(createReadStream(file, 'utf8'));
  } catch (error) {
    throw unreadable(file, error);
  }
}

function readOrFail(file: string): string {
  const text = readIfThere(file);
  if (text === null) throw unreadable(file, { code: 'ENOENT' });
  return text;
}

/** A RangeError (a line beyond the limit) is the log's fault and stays one. */
function unreadable(file: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof RangeError) return error;
  return new Failure('invalid', 'unreadable-file', `${file} cannot be read (${code}).`, { cause: error });
}

function nameOf(key: string): string {
  return key.split('+', 1)[0] ?? '';
}
