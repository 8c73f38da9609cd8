// One run of one command: what every action needs, made from its options. `leaf` and `group` build commands that
// all have the same common options, examples in their help, and the same way to fail.

import { Command, Option, type OptionValues } from 'commander';
import type { Api } from './client.ts';
import { type Environment, readEnvironment } from './environment.ts';
import type { ExitCode } from './exit-codes.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import type { Identity } from './server.ts';

export interface CommonOptions {
  json?: boolean;
  input?: boolean;
  as?: string;
  server?: string;
}

export interface Run {
  readonly environment: Environment;
  readonly out: Output;
  readonly common: CommonOptions;
  /** Someone is at a terminal and may be asked. */
  readonly interactive: boolean;
  /** Aborts on Ctrl-C. */
  readonly interrupt: AbortSignal;
  /** The server, as the chosen principal. Errors: `login-needed`, usage. */
  api(): Promise<Api>;
  identity(): Promise<Identity>;
  /** How the process will exit when the command ends without a failure. */
  finish(code: ExitCode): void;
}

/** A command that does something. `examples` are whole command lines without the leading `sally`. */
export function leaf(usageLine: string, summary: string, examples: string[]): Command {
  const [name = '', ...rest] = usageLine.split(' ');
  const command = withCommonOptions(new Command(name).summary(summary).description(summary));
  for (const argument of rest) command.argument(argument);
  return command.addHelpText('after', `\n${examplesText(examples)}`);
}

/** A command that only holds others: `sally target …`. */
export function group(name: string, summary: string, commands: Command[]): Command {
  const command = withCommonOptions(
    new Command(name).summary(summary).description(summary).enablePositionalOptions(),
  );
  for (const child of commands) command.addCommand(child);
  return command;
}

export function withCommonOptions(command: Command): Command {
  const common: [string, string][] = [
    ['--json', 'print JSON on stdout; errors as JSON on stderr'],
    ['--no-input', 'never ask; what is missing is an error'],
    ['--server <url>', 'which server (default: SALLY_SERVER, then the last login)'],
    ['--as <person>', "be one of the demo's people for this command"],
  ];
  for (const [flags, text] of common) {
    command.addOption(new Option(flags, text).helpGroup('Common options:'));
  }
  return command.helpOption('-h, --help', 'show this help');
}

/** An example that is not simply `sally …` (a pipe into it) is given whole, with its `$ `. */
export function examplesText(examples: string[]): string {
  return [
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => (example.startsWith('$ ') ? `  ${example}` : `  $ sally ${example}`)),
  ].join('\n');
}

/** The options of `command` and of the commands above it; the nearest wins. */
export function commonOptions(command: Command): CommonOptions {
  const merged: CommonOptions = {};
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const given: OptionValues = at.opts();
    if (given.json === true) merged.json = true;
    if (given.input === false) merged.input = false;
    if (merged.as === undefined && typeof given.as === 'string') merged.as = given.as;
    if (merged.server === undefined && typeof given.server === 'string') merged.server = given.server;
  }
  return merged;
}

export function startRun(command: Command): Run {
  const common = commonOptions(command);
  const environment = readEnvironment();
  const json = common.json === true;
  const interrupt = interruptSignal();
  const identity = async () => (await import('./server.ts')).chooseIdentity(environment, common);
  return {
    environment,
    out: createOutput({ json, environment }),
    common,
    interactive:
      !json && common.input !== false && process.stdin.isTTY === true && process.stderr.isTTY === true,
    interrupt,
    identity,
    async api() {
      const { origin, token } = await identity();
      return (await import('./client.ts')).createApi(origin, token, interrupt);
    },
    finish(code) {
      process.exitCode = code;
    },
  };
}
