// Values that a command cannot do without: from the flag, or asked for at a terminal, or a usage error.

import { reasonText } from '../api/text.ts';
import { usage } from './exit-codes.ts';
import { askText } from './prompts.ts';
import type { Run } from './run.ts';

export async function neededReason(run: Run, given: string | undefined, question: string): Promise<string> {
  if (given !== undefined) return given;
  if (!run.interactive) throw usage('A reason is missing.', 'Add --reason "in a few words".');
  return askText({
    message: question,
    refuse: (answer) => reasonText.safeParse(answer).error?.issues[0]?.message,
  });
}

/** `flag` as it is written, e.g. `--host`. */
export async function needed(
  run: Run,
  given: string | undefined,
  ask: { flag: string; question: string; initial?: string },
): Promise<string> {
  if (given !== undefined) return given;
  if (!run.interactive) throw usage(`${ask.flag} is missing.`, `Add ${ask.flag} <value>.`);
  return askText({
    message: ask.question,
    ...(ask.initial === undefined ? {} : { initial: ask.initial }),
    refuse: (answer) => (answer === '' ? 'It cannot be empty.' : undefined),
  });
}

/** A whole number within bounds from a flag's text. */
export function wholeNumber(text: string, flag: string, lowest: number, highest: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= lowest && value <= highest)) {
    throw usage(
      `${flag} must be a whole number from ${lowest} to ${highest}.`,
      `For example ${flag} ${lowest}.`,
    );
  }
  return value;
}
