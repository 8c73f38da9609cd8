// The tree of segments with its targets, and who can reach what below one of them.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { approvalStage } from './requests.ts';
import { segment as placed } from './targets.ts';
import { nameText, segmentPath, timestamp } from './text.ts';

export const segment = placed.extend({
  parent: segmentPath.nullable(),
  /** Who owns it here, a target right here, or a policy whose scope is exactly this segment. */
  owners: z.array(z.string()),
  /** Policies whose scope is exactly this segment; those of segments above count here too. */
  policies: z.number().int(),
  /** Right here, not below. */
  targets: z.array(
    z.object({
      name: nameText,
      kind: z.string(),
      environment: z.string(),
      sensitivity: z.enum(['low', 'normal', 'high']),
      owner: z.string().nullable(),
      tasks: z.array(z.string()),
      activeGrants: z.number().int(),
    }),
  ),
});
export type Segment = z.infer<typeof segment>;

export const segmentList = z.object({ items: z.array(segment) });

export const reachQuery = z.object({ segment: segmentPath });

/** One task on one target. */
export const place = z.object({ target: nameText, segment: segmentPath, task: nameText });
export type Place = z.infer<typeof place>;

export const reached = z.object({
  /** Index into `places`. */
  place: z.number().int(),
  /** The longest that policy allows at once; null when nothing is. */
  atOnceSeconds: z.number().int().nullable(),
  /** The longest with approval, where that is longer than at once (or nothing is at once). */
  approvalSeconds: z.number().int().nullable(),
  /** Who would have to approve that. */
  approvals: z.array(approvalStage),
  /** Policies that make it so. */
  policies: z.array(z.string()),
  /** False where a request would pass and `connect` would not: a grant without a session. */
  opens: z.boolean(),
  /** Where nothing passes now, what would be enough; at most three ways. */
  enough: z.array(z.string()),
});
export type Reached = z.infer<typeof reached>;

/** Principals whom policy cannot tell apart. */
export const alike = z.object({
  kind: z.enum(['person', 'service', 'agent']),
  /** Those of their groups that some policy names. */
  groups: z.array(z.string()),
  /** At most twenty of them. */
  principals: z.array(principalRef),
  count: z.number().int(),
  reached: z.array(reached),
});
export type Alike = z.infer<typeof alike>;

export const reach = z.object({
  segment: segmentPath,
  /** `yourself` for who may neither audit nor administer. */
  of: z.enum(['everybody', 'yourself']),
  /** The circumstances that it was decided for: this moment, this address, no ticket. */
  at: timestamp,
  sourceAddress: z.string(),
  places: z.array(place),
  /** Those who reach something, or would under other circumstances. */
  rows: z.array(alike),
  /** How many principals reach nothing here. */
  without: z.number().int(),
  /** What the limits left out; all 0 when this is the whole of it. */
  left: z.object({ principals: z.number().int(), places: z.number().int(), pairs: z.number().int() }),
});
export type Reach = z.infer<typeof reach>;
