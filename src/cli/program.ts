// The whole command line as commander sees it: the asked-for commands in full, the others as one line of help.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { CATALOG } from './catalog.ts';
import { examplesText, withCommonOptions } from './run.ts';

const OVERVIEW_EXAMPLES = [
  'connect orders-db --task read-orders --reason "look at order 1042"',
  'requests --state pending',
  'grants --state active',
];

/** The program with the real commands for `names`, and one-line stand-ins for the rest (enough for help). */
export async function buildProgram(names: ReadonlySet<string>): Promise<Command> {
  const program = withCommonOptions(new Command('sally'))
    .description(
      'Privileges just in time: asked for with a purpose, granted on the target, taken away for certain.',
    )
    .usage('<command> [options]')
    .enablePositionalOptions()
    .version(versionText(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', `\n${examplesText(OVERVIEW_EXAMPLES)}`);
  for (const section of CATALOG) {
    for (const entry of section.entries) {
      const command = names.has(entry.name)
        ? (await entry.load()).command()
        : new Command(entry.name).summary(entry.summary).description(entry.summary);
      program.addCommand(command.helpGroup(`${section.title}:`));
    }
  }
  everyCommand(program, (command) => {
    command
      .exitOverride()
      .showSuggestionAfterError(true)
      .allowExcessArguments(false)
      .configureOutput({ writeErr: () => undefined, outputError: () => undefined });
  });
  return program;
}

function everyCommand(command: Command, act: (command: Command) => void): void {
  act(command);
  for (const child of command.commands) everyCommand(child, act);
}

function versionText(): string {
  const raw: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof raw === 'object' && raw !== null && 'version' in raw ? String(raw.version) : 'unknown';
}
