// Questions to the person at the terminal. They go to stderr, so that stdout stays data, and never happen with
// --json, --no-input or without a terminal: then what is missing is a usage error that names the flag.

import type { Writable } from 'node:stream';
import type { CANCEL_SYMBOL } from '@clack/prompts';
import { interrupted } from './exit-codes.ts';

export interface Question {
  message: string;
  /** Shown and editable from the start. */
  initial?: string;
  /** A reason not to accept the answer, or undefined. */
  refuse?: (answer: string) => string | undefined;
}

export async function askText(question: Question): Promise<string> {
  const { text } = await import('@clack/prompts');
  return answered(
    await text({
      message: question.message,
      output: terminal(),
      ...(question.initial === undefined ? {} : { initialValue: question.initial }),
      validate: (value: string | undefined) => question.refuse?.((value ?? '').trim()),
    }),
  ).trim();
}

/** What is typed is not shown. */
export async function askSecret(message: string): Promise<string> {
  const { password } = await import('@clack/prompts');
  return answered(
    await password({
      message,
      output: terminal(),
      validate: (value: string | undefined) =>
        value === undefined || value === '' ? 'It cannot be empty.' : undefined,
    }),
  );
}

export async function askYesNo(message: string, initial: boolean): Promise<boolean> {
  const { confirm } = await import('@clack/prompts');
  return answered(await confirm({ message, initialValue: initial, output: terminal() }));
}

export async function askChoice(
  message: string,
  choices: { value: string; label: string; hint?: string }[],
): Promise<string> {
  const { select } = await import('@clack/prompts');
  return answered(await select<string>({ message, options: choices, output: terminal() }));
}

function terminal(): Writable {
  return process.stderr;
}

function answered<T extends string | boolean>(answer: T | typeof CANCEL_SYMBOL): T {
  if (typeof answer === 'symbol') throw interrupted('Stopped before anything was sent.');
  return answer;
}
