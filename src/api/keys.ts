// Keys on the wire: never a key itself, only what tells one from another.

import { z } from 'zod';

export const keysAnswer = z.object({
  master: z.object({
    /** Tells one key from another and nothing else. */
    check: z.string(),
    next: z.string().nullable(),
    previous: z.string().nullable(),
    /** Replicas that do not hold the key that is to come. */
    waitingFor: z.array(z.string()),
    /** Grants that are not over and whose passwords come from the key before. */
    grantsOfPrevious: z.number().int(),
  }),
  log: z.object({
    /** The public key that signs the audit log now. */
    verifierKey: z.string(),
    /** The next one, until the present one has signed for it. */
    announced: z.string().nullable(),
    count: z.number().int(),
  }),
  passwordGeneration: z.number().int(),
});
export type KeysAnswer = z.infer<typeof keysAnswer>;

export const rotateKeyBody = z.object({
  /** `master`, `log`, `target-passwords`, or `admin:<target>`. */
  what: z.string().min(1).max(100),
});
