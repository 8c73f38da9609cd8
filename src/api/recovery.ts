// A store that stands still, on the wire.

import { z } from 'zod';
import { lineText } from './text.ts';

export const recoveryAnswer = z.object({
  /** To be typed by whoever signs. */
  installation: z.string(),
  epoch: z.number().int(),
  /** Null: all is well. */
  recovery: z
    .object({
      since: z.string(),
      /** What differs, one sentence each. */
      found: z.array(z.string()),
    })
    .nullable(),
  /** Entries of the audit log in the store, and in the copy outside of it that this replica keeps. */
  storeSize: z.number().int(),
  keptSize: z.number().int().nullable(),
});
export type RecoveryAnswer = z.infer<typeof recoveryAnswer>;

export const signRecoveryBody = z.object({
  reason: lineText(500),
  /** The installation's id, typed. */
  confirm: z.string().max(100),
});
