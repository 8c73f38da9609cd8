// A name that must be typed once more before something loud happens; for scripts `--confirm <name>`.

import { usage } from './exit-codes.ts';
import { askText } from './prompts.ts';
import type { Run } from './run.ts';

/** Errors: usage when nobody can be asked and nothing was given, or when what was given is another name. */
export async function typedName(
  run: Run,
  name: string,
  given: string | undefined,
  question: string,
): Promise<string> {
  if (given === undefined && !run.interactive)
    throw usage('Nobody can be asked to confirm.', `Add --confirm ${name}: its name, once more.`);
  const typed =
    given ??
    (await askText({
      message: question,
      refuse: (answer) => (answer === name ? undefined : `Type ${name}, exactly.`),
    }));
  if (typed !== name) throw usage(`--confirm is "${typed}", not "${name}".`, `Add --confirm ${name}.`);
  return typed;
}
