// What a change of policy does: to the requests of the last ninety days, to people's rights, to live grants.

import { z } from 'zod';
import { cautions, fileTexts, liveGrants, policyDigest, policyFiles, proposal } from './policy-changes.ts';
import { approvalStage, explainBody as askedBody, obligations, outcome } from './requests.ts';
import { nameText, segmentPath, timestamp } from './text.ts';

export const PLANNED_DAYS = 90;
export const MOST_PLAN_EXAMPLES = 20;
export const MOST_PLAN_PEOPLE = 100;
export const MOST_PLAN_GRANTS = 100;

const side = z.object({ outcome, obligations, policies: z.array(z.string()) });

/** One stored decision that would be another, as it was and as it would be. */
export const planExample = z.object({
  action: z.string(),
  principal: z.string(),
  target: z.string(),
  segment: z.string(),
  task: z.string(),
  durationSeconds: z.number(),
  sourceAddress: z.string(),
  at: timestamp,
  before: side,
  after: side,
});
export type PlanExample = z.infer<typeof planExample>;

/** `count` of all; the newest of them as examples, at most twenty. */
export const planTally = z.object({ count: z.number().int(), examples: z.array(planExample) });
export type PlanTally = z.infer<typeof planTally>;

export const planPerson = z.object({
  principal: z.string(),
  newlyAllowed: z.number().int(),
  newlyDenied: z.number().int(),
  otherApprovers: z.number().int(),
  otherObligations: z.number().int(),
});
export type PlanPerson = z.infer<typeof planPerson>;

/** Somebody who got this in the last ninety days and would not any more; `from` null: as soon as it is in force. */
export const planLockout = z.object({
  principal: z.string(),
  action: z.string(),
  task: z.string(),
  target: z.string(),
  count: z.number().int(),
  from: timestamp.nullable(),
});
export type PlanLockout = z.infer<typeof planLockout>;

export const planRight = z.object({
  principal: z.string(),
  right: z.enum(['administer', 'audit', 'changePolicy']),
  change: z.enum(['gains', 'loses']),
});

/** Who could approve a task on a target, where that changes. */
export const planApprovers = z.object({
  task: z.string(),
  target: z.string(),
  stages: z.array(approvalStage),
  gains: z.array(z.string()),
  loses: z.array(z.string()),
});

export const planGrant = z.object({
  id: z.string(),
  principal: z.string(),
  task: z.string(),
  target: z.string(),
  segment: z.string(),
  expiresAt: timestamp.nullable(),
  /** `forbidden` ends whatever the proposer chose. */
  cause: z.enum(['forbidden', 'not-permitted', 'not-approved']),
  ends: z.boolean(),
  why: z.string(),
});
export type PlanGrant = z.infer<typeof planGrant>;

export const policyPlan = z.object({
  digest: z.string(),
  baseDigest: z.string(),
  madeAt: timestamp,
  days: z.number().int(),
  /** Stored decisions of those days, and how many of them were made again: the newest. */
  decisions: z.object({
    stored: z.number().int(),
    replayed: z.number().int(),
    unreadable: z.number().int(),
    oldest: timestamp.nullable(),
  }),
  /** All differences together. */
  differences: z.number().int(),
  newlyAllowed: planTally,
  newlyDenied: planTally,
  otherApprovers: planTally,
  otherObligations: planTally,
  people: z.object({ count: z.number().int(), most: z.array(planPerson) }),
  lockedOut: z.object({ count: z.number().int(), first: z.array(planLockout) }),
  rights: z.array(planRight),
  approvers: z.array(planApprovers),
  liveGrants,
  grants: z.object({
    live: z.number().int(),
    judged: z.number().int(),
    end: z.number().int(),
    runOut: z.number().int(),
    first: z.array(planGrant),
  }),
});
export type PolicyPlan = z.infer<typeof policyPlan>;

export const planProgress = z.object({ replayed: z.number().int(), stored: z.number().int() });
export type PlanProgress = z.infer<typeof planProgress>;

export const planBody = z.object({
  files: policyFiles.optional(),
  rollbackTo: policyDigest.optional(),
  liveGrants: liveGrants.default('end'),
});
export type PlanBody = z.infer<typeof planBody>;

export const proposalDetail = proposal.extend({
  files: z.array(fileTexts),
  /** The digest of the set in force. */
  inForce: z.string(),
  cautions,
  /** Null until it is made; `planning` says how far it is. */
  plan: policyPlan.nullable(),
  planning: planProgress.nullable(),
});
export type ProposalDetail = z.infer<typeof proposalDetail>;

/** By `files` instead of what is in force, for who may propose them. */
export const explainBody = askedBody.extend({ files: policyFiles.optional() });

/** The policies of one segment, and the group that may propose changes to them alone. */
export const policyPack = z.object({
  segment: z.string(),
  owner: z.string().nullable(),
  files: z.array(z.string()),
  mayPropose: z.boolean(),
});
export type PolicyPack = z.infer<typeof policyPack>;

export const packOwnerBody = z.object({ segment: segmentPath, owner: nameText.nullable() });
