// `sally completion <shell>`: a script that knows every command and flag, made from the commands themselves.

import type { Command } from 'commander';
import { ENTRIES } from '../catalog.ts';
import { completionScript, type Known } from '../completion-script.ts';
import { usage } from '../exit-codes.ts';
import { oneOf } from '../lists.ts';
import { leaf, startRun } from '../run.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function command(): Command {
  return leaf('completion <shell>', 'completion for bash, zsh or fish', [
    'completion bash > ~/.local/share/bash-completion/completions/sally',
    'completion zsh > ~/.zfunc/_sally',
    'completion fish > ~/.config/fish/completions/sally.fish',
  ]).action(async (text: string, _options: object, self: Command) => {
    const run = startRun(self);
    const shell = oneOf('<shell>', text, SHELLS);
    if (shell === undefined) throw usage('Which shell?', 'bash, zsh or fish.');
    const { buildProgram } = await import('../program.ts');
    const program = await buildProgram(new Set(ENTRIES.map((entry) => entry.name)));
    const script = completionScript(shell, knownCommands(program));
    run.out.data({ shell, script }, () => script.trimEnd());
  });
}

function knownCommands(program: Command): Known[] {
  const known: Known[] = [];
  const visit = (command: Command, path: string[]) => {
    const children = command.commands;
    known.push({
      path,
      summary: command.summary(),
      children: children.map((child) => child.name()),
      flags: [
        '--help',
        ...command.options.flatMap((option) =>
          option.long === undefined || option.long === null ? [] : [option.long],
        ),
      ],
    });
    for (const child of children) visit(child, [...path, child.name()]);
  };
  visit(program, []);
  return known;
}
