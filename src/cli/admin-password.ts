// The password of a target's administrator, for the commands that take one: from a file, stdin, a variable or a
// question; never from the command line, where every process list would show it.

import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { readVariable } from './environment.ts';
import { usage } from './exit-codes.ts';
import { readIfThere } from './private-file.ts';
import { askSecret } from './prompts.ts';
import type { Run } from './run.ts';
import { firstLine, readSecretFromStdin } from './stdin.ts';

export interface PasswordOptions {
  passwordFile?: string;
  passwordEnv?: string;
}

export async function findPassword(run: Run, options: PasswordOptions, user: string): Promise<Secret> {
  if (options.passwordEnv !== undefined) {
    const value = readVariable(options.passwordEnv);
    if (value === null)
      throw usage(
        `The variable ${options.passwordEnv} is not set.`,
        'Export it first, or use --password-file.',
      );
    return new Secret(value);
  }
  if (options.passwordFile !== undefined) {
    const secret =
      options.passwordFile === '-'
        ? await readSecretFromStdin()
        : firstLine(readFileOrFail(options.passwordFile));
    if (secret === null)
      throw usage(
        `${options.passwordFile === '-' ? 'stdin' : options.passwordFile} holds no password.`,
        'Its first line is the password.',
      );
    return secret;
  }
  if (!run.interactive)
    throw usage(
      "The administrator's password is missing.",
      'Add --password-file <file>, --password-file - or --password-env <name>.',
    );
  return new Secret(await askSecret(`Password of ${user}`));
}

function readFileOrFail(file: string): string {
  const text = readIfThere(file);
  if (text === null)
    throw new Failure('invalid', 'unreadable-file', `${file} does not exist.`, { field: '--password-file' });
  return text;
}
