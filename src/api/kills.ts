// Kill switches: who or what is stopped, until when, and how far the target systems have confirmed it.

import { z } from 'zod';
import { grantState } from './grants.ts';
import { principalRef } from './people.ts';
import { idText, lineText, nameText, pageQuery, reasonText, segmentPath, timestamp } from './text.ts';

export const KILL_SCOPES = ['person', 'target', 'segment', 'everything'] as const;
export const killScope = z.enum(KILL_SCOPES);
export type KillScope = z.infer<typeof killScope>;

/** The name that is typed for `everything`. */
export const EVERYTHING = 'everything';

export const killBody = z
  .object({
    scope: killScope,
    /** The person's (or service's, or agent's), target's or segment's; `everything` for everything. */
    name: z.union([nameText, segmentPath]),
    reason: reasonText,
    /** The name once more, as somebody typed it: nothing is stopped by a slip. */
    confirm: lineText(630),
  })
  .refine((body) => body.scope !== 'everything' || body.name === EVERYTHING, {
    path: ['name'],
    message: `For the scope "everything" the name is "${EVERYTHING}".`,
  });
export type KillBody = z.infer<typeof killBody>;

export const liftBody = z.object({ reason: reasonText });

/** What one grant still waits for. */
const waiting = z.object({
  grantId: idText,
  principal: nameText,
  target: nameText,
  task: nameText,
  state: grantState,
  lastError: z.string().nullable(),
});

export const killProgress = z.object({
  /** Grants that it ended, or found ending. */
  grants: z.number().int(),
  /** Of those, verified absent by their targets. */
  gone: z.number().int(),
  /** Pending requests that it cancelled. */
  cancelled: z.number().int(),
  /** Some of those that are not gone, the longest first; at most ten. */
  waiting: z.array(waiting),
});

export const kill = z.object({
  id: idText,
  scope: killScope,
  name: z.string(),
  reason: z.string(),
  killedBy: principalRef,
  killedAt: timestamp,
  liftedBy: principalRef.nullable(),
  liftedAt: timestamp.nullable(),
  liftReason: z.string().nullable(),
  /** Null for who may not see the grants that it ends. */
  progress: killProgress.nullable(),
  mayLift: z.boolean(),
});
export type Kill = z.infer<typeof kill>;

export const killQuery = pageQuery.extend({ state: z.enum(['in-force', 'lifted']).optional() });
