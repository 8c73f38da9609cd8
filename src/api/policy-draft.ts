// A draft of policies: what is wrong with it, what it says, and what it would change for one example.

import { z } from 'zod';
import { policyView } from './policies.ts';
import { explainBody, preview } from './requests.ts';

export const LONGEST_DRAFT = 20_000;

export const checkPolicyBody = z.object({
  text: z.string().max(LONGEST_DRAFT, `At most ${LONGEST_DRAFT} characters.`),
  /** Decided as if the draft were in force beside what is. */
  example: explainBody.optional(),
});
export type CheckPolicyBody = z.infer<typeof checkPolicyBody>;

export const policyProblem = z.object({
  line: z.number().int().nullable(),
  column: z.number().int().nullable(),
  policy: z.string().nullable(),
  reason: z.string(),
  hint: z.string().nullable(),
});
export type PolicyProblemView = z.infer<typeof policyProblem>;

export const checkedPolicy = z.object({
  /** Empty where the draft could be put in force. */
  problems: z.array(policyProblem),
  policies: z.array(policyView),
  /** Null without an example, or with problems. */
  example: z
    .object({
      inForce: preview,
      withDraft: preview,
      /** False where too many policies in force speak of the example to try all together: then `withDraft` is the draft by itself. */
      together: z.boolean(),
    })
    .nullable(),
});
export type CheckedPolicy = z.infer<typeof checkedPolicy>;
