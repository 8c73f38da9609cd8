// Policies as people read them: each as one sentence beside its Cedar.

import { z } from 'zod';
import { LARGEST_PAGE, nameText, segmentPath } from './text.ts';

export const policyAction = z.enum([
  'request',
  'autoApprove',
  'connect',
  'exec',
  'extend',
  'breakGlass',
  'approve',
  'administer',
  'audit',
  'changePolicy',
]);

/** `cedar` where it is a condition as it is written, because it is too unusual for words. */
export const sentencePart = z.object({ text: z.string(), cedar: z.boolean() });

export const policyView = z.object({
  id: z.string(),
  file: z.string(),
  /** From 1. */
  line: z.number().int().nullable(),
  effect: z.enum(['permit', 'forbid']),
  actions: z.array(policyAction),
  sentence: z.array(sentencePart),
  /** As it stands in the file. */
  cedar: z.string(),
  description: z.string().nullable(),
  owner: z.string().nullable(),
  expiresAt: z.iso.datetime().nullable(),
  expired: z.boolean(),
  learnedFrom: z.string().nullable(),
  /** What it names, in its scope or its conditions. */
  groups: z.array(z.string()),
  segments: z.array(z.string()),
  tasks: z.array(z.string()),
});
export type PolicyView = z.infer<typeof policyView>;

export const policyQuery = z.object({
  /** Policies with exactly this id. */
  id: z.string().max(300).optional(),
  /** Words that all occur in the sentence, in an annotation, in the id, or among what the policy names. */
  text: z.string().max(200).optional(),
  /** Policies that hold for targets in this segment: of it, of those above, of everything, and of those below. */
  segment: segmentPath.optional(),
  group: nameText.optional(),
  action: policyAction.optional(),
  limit: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(50),
  cursor: z.string().max(400).optional(),
});
export type PolicyQuery = z.infer<typeof policyQuery>;

export const policyPage = z.object({
  digest: z.string(),
  items: z.array(policyView),
  /** How many match, on all pages. */
  count: z.number().int(),
  nextCursor: z.string().nullable(),
  /** What all policies in force name, to choose from; at most five hundred of each. */
  groups: z.array(z.string()),
  segments: z.array(z.string()),
});
export type PolicyPage = z.infer<typeof policyPage>;
