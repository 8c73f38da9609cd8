// The health page on the wire: everything that is not where it should be, and what to do about each.

import { z } from 'zod';
import { grantNode, grantState } from './grants.ts';
import { replica } from './replicas.ts';
import { idText, nameText, timestamp } from './text.ts';

/** `bad`: access may outlive its end, or nothing new can be given; `warn`: weaker than promised, or soon bad. */
const severity = z.enum(['bad', 'warn']);

export const lateGrant = z.object({
  id: idText,
  requestId: idText,
  principal: nameText,
  target: nameText,
  task: nameText,
  state: grantState,
  overdue: z.boolean(),
  attempts: z.number().int(),
  nodes: z.array(grantNode),
});

export const trouble = z.object({
  kind: z.enum(['grant', 'target', 'log', 'store', 'replica', 'recordings', 'kit']),
  severity,
  /** What is not as it should be, in one sentence. */
  what: z.string(),
  since: timestamp.nullable(),
  /** What the target or the system said. */
  why: z.string().nullable(),
  /** What Sallyport does about it by itself, and when next; null: nothing, it waits for a person. */
  next: z.string().nullable(),
  nextAt: timestamp.nullable(),
  /** What a person does about it. */
  do: z.string(),
  grant: lateGrant.nullable(),
  target: nameText.nullable(),
  node: z.string().nullable(),
});
export type Trouble = z.infer<typeof trouble>;

export const nodeHealth = z.object({
  node: z.string(),
  role: z.enum(['primary', 'standby']),
  lastContactAt: timestamp.nullable(),
  failingSince: timestamp.nullable(),
  lastError: z.string().nullable(),
  clockSkewSeconds: z.number().nullable(),
  lookedAt: timestamp,
});
export type NodeHealthView = z.infer<typeof nodeHealth>;

export const targetHealth = z.object({
  name: nameText,
  segment: z.string(),
  activeGrants: z.number().int(),
  /** Steps of grants that this target has not confirmed yet. */
  stepsWaiting: z.number().int(),
  /** Empty until a worker has looked for the first time. */
  nodes: z.array(nodeHealth),
});
export type TargetHealth = z.infer<typeof targetHealth>;

/** How fast access ends: from the deadline, or from whoever ended it, to the absence that the target confirmed. */
export const revocationHealth = z.object({
  objectiveSeconds: z.number(),
  /** Of 1. */
  objectiveShare: z.number(),
  days: z.number().int(),
  /** Ended in these days, and either confirmed or late already. */
  ended: z.number().int(),
  within: z.number().int(),
  /** null: nothing has ended. */
  share: z.number().nullable(),
  /** Of the misses that the objective allows, the part that is left: 1 all, 0 none, below 0 more than allowed. */
  budgetLeft: z.number().nullable(),
  medianSeconds: z.number().nullable(),
  p99Seconds: z.number().nullable(),
});
export type RevocationHealth = z.infer<typeof revocationHealth>;

export const health = z.object({
  ok: z.boolean(),
  at: timestamp,
  /** The worst first; at most 200. */
  troubles: z.array(trouble),
  moreTroubles: z.number().int(),
  grants: z.object({
    active: z.number().int(),
    granting: z.number().int(),
    revoking: z.number().int(),
    cleanupPending: z.number().int(),
    overdue: z.number().int(),
  }),
  revocation: revocationHealth,
  targets: z.array(targetHealth),
  log: z.object({
    entries: z.number().int(),
    unsequenced: z.number().int(),
    checkpointSize: z.number().int(),
    checkpointAt: timestamp.nullable(),
    alarm: z.string().nullable(),
  }),
  store: z.object({ version: z.string(), sizeBytes: z.number(), answeredMs: z.number() }),
  replicas: z.array(replica),
  /** Where this process keeps recordings; null: it has none. */
  recordings: z.object({ freeBytes: z.number(), totalBytes: z.number() }).nullable(),
  /** Closed recordings that are not in the store of objects yet, on all replicas; null: they stay on the disk. */
  storing: z.object({ recordings: z.number().int(), oldestAt: timestamp.nullable() }).nullable(),
});
export type Health = z.infer<typeof health>;
