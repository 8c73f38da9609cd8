// The loop's first turn: how privileges are asked for, given and used.

import { z } from 'zod';

/** Counts over the last `days`; times in seconds; null where nothing happened yet. */
export const insightRow = z.object({
  name: z.string(),
  requests: z.number().int(),
  allowed: z.number().int(),
  approved: z.number().int(),
  denied: z.number().int(),
  pending: z.number().int(),
  medianSecondsToAccess: z.number().nullable(),
  heldSeconds: z.number(),
  usedSeconds: z.number(),
  rightsGranted: z.number().int(),
  rightsUsed: z.number().int(),
  statements: z.number().int(),
});
export type InsightRow = z.infer<typeof insightRow>;

export const insights = z.object({
  days: z.number().int(),
  totals: insightRow,
  byTask: z.array(insightRow),
  byPerson: z.array(insightRow),
  byDay: z.array(
    z.object({
      day: z.string(),
      requests: z.number().int(),
      allowed: z.number().int(),
      approved: z.number().int(),
      denied: z.number().int(),
    }),
  ),
  unusedRights: z.array(z.object({ task: z.string(), right: z.string(), grants: z.number().int() })),
  activeGrants: z.number().int(),
  overdueGrants: z.number().int(),
  liveSessions: z.number().int(),
});
export type Insights = z.infer<typeof insights>;
