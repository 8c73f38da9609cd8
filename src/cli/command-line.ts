// One run of `sally` from its arguments: finds the command, loads only its file, and turns whatever goes wrong into
// one line, a hint and an exit code.

import { CommanderError } from 'commander';
import { codeOf, Failure, messageOf } from '../base/errors.ts';
import { ENTRIES } from './catalog.ts';
import { readEnvironment } from './environment.ts';
import { exitCodeOf, usage } from './exit-codes.ts';
import { reportFailure } from './output.ts';
import { buildProgram } from './program.ts';

/** Runs `args` (without node and script); the outcome is in process.exitCode. */
export async function runCommandLine(args: string[]): Promise<void> {
  process.stdout.on('error', (error) => {
    // The reader of our pipe has gone (`sally grants | head -1`): nothing is left to say, and nothing is wrong.
    if (codeOf(error) === 'EPIPE') process.exit();
    throw error;
  });
  try {
    const names = new Set(args.filter((arg) => ENTRIES.some((entry) => entry.name === arg)));
    const program = await buildProgram(names);
    if (args.length === 0) return void process.stdout.write(overview());
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    fail(error, args);
  }
}

function fail(error: unknown, args: string[]): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const failure = error instanceof CommanderError ? usageFrom(error, args) : expected(error);
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  reportFailure(failure, { json: ours.includes('--json'), color: readEnvironment().mayColor });
  process.exitCode = exitCodeOf(failure);
}

/** Commander's own words, with what to run to see how it is written. */
function usageFrom(error: CommanderError, args: string[]): Failure {
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const known = ENTRIES.find((entry) => args.includes(entry.name));
  const see =
    known === undefined ? '`sally --help` lists the commands.' : `See \`sally ${known.name} --help\`.`;
  if (error.code === 'commander.help') return usage('This command needs a subcommand.', see);
  const hint =
    suggestion === undefined || suggestion === '' ? see : `${suggestion.replace(/[()]/g, '')} ${see}`;
  return usage(`${first.charAt(0).toUpperCase()}${first.slice(1)}.`.replace(/\.\.$/, '.'), hint);
}

function expected(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new Failure('conflict', 'interrupted', 'Interrupted.', { cause: error });
  }
  const code = codeOf(error);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) {
    return new Failure('unavailable', 'system-error', messageOf(error), { cause: error });
  }
  return new Failure(
    'unavailable',
    'unexpected-error',
    `Something unexpected went wrong: ${messageOf(error)}`,
    {
      hint: 'This is a fault of the CLI; please report it with the command that you ran.',
      cause: error,
    },
  );
}

function overview(): string {
  const lines = [
    'sally: privileges just in time',
    '',
    '  sally connect <target> --task <task>   ask, wait, and open the client',
    '  sally requests --approvals             what waits for your decision',
    '  sally grants --mine                    what you hold, and until when',
    '',
    '`sally --help` lists every command, `sally <command> --help` shows one with examples.',
  ];
  return `${lines.join('\n')}\n`;
}
