// What becomes of recordings: the part `recordings` of the configuration. Policy says more by `@keepRecording`; what
// stands here is for sessions about which it says nothing, and the least that it may say.

import { z } from 'zod';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { Failure, messageOf } from '../base/errors.ts';

export interface KeepConfig {
  /** After a session's end, where policy names nothing; null: for ever. */
  keepSeconds: number | null;
  /** No policy keeps them shorter; null: no floor. */
  keepAtLeastSeconds: number | null;
}

/** A hundred years, as for policies. */
const LONGEST_SECONDS = 36_500 * 86_400;

function seconds(text: string, issues: z.core.$RefinementCtx<string>): number {
  try {
    return parseDuration(text, 'recordings', LONGEST_SECONDS);
  } catch (error) {
    issues.addIssue({ code: 'custom', message: `${messageOf(error)} Write 365d or the like.` });
    return z.NEVER;
  }
}

export const recordingsSchema = z
  .object({
    keep: z
      .string()
      .transform((text, issues) => (text === 'forever' ? null : seconds(text, issues)))
      .optional(),
    keepAtLeast: z.string().transform(seconds).optional(),
  })
  .strict();

/** Errors: `config-invalid` where the default is below the floor. */
export function keepFrom(own: z.infer<typeof recordingsSchema> | undefined): KeepConfig {
  const keepSeconds = own?.keep ?? null;
  const keepAtLeastSeconds = own?.keepAtLeast ?? null;
  if (keepSeconds !== null && keepAtLeastSeconds !== null && keepSeconds < keepAtLeastSeconds)
    throw new Failure(
      'invalid',
      'config-invalid',
      `recordings.keep is ${formatDuration(keepSeconds)}, which is shorter than recordings.keepAtLeast, ${formatDuration(keepAtLeastSeconds)}.`,
      { field: 'recordings.keep' },
    );
  return { keepSeconds, keepAtLeastSeconds };
}
