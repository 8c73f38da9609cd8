// Sessions and what was said in them.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { idText, nameText, pageQuery, timestamp } from './text.ts';

export const session = z.object({
  id: idText,
  grantId: idText,
  principal: principalRef,
  target: nameText,
  task: nameText,
  live: z.boolean(),
  clientAddress: z.string(),
  application: z.string().nullable(),
  startedAt: timestamp,
  endedAt: timestamp.nullable(),
  endReason: z.string().nullable(),
  statements: z.number().int(),
  refused: z.number().int(),
  errors: z.number().int(),
  rowsRead: z.number(),
  bytesRead: z.number(),
  bytesWritten: z.number(),
  recordingHash: z.string().nullable(),
});
export type Session = z.infer<typeof session>;

export const statement = z.object({
  /** Position in the session, from 0. */
  index: z.number().int(),
  at: timestamp,
  /** Milliseconds from the start of the session. */
  offsetMs: z.number(),
  text: z.string(),
  /** `simple`, `extended`, `copy`; a refusal never reached the target. */
  protocol: z.enum(['simple', 'extended', 'copy', 'function']),
  verdict: z.enum(['passed', 'refused']),
  rows: z.number(),
  bytes: z.number(),
  durationMs: z.number().nullable(),
  error: z.object({ sqlstate: z.string(), message: z.string() }).nullable(),
});
export type Statement = z.infer<typeof statement>;

/** One session with its statements, a page at a time; `intact` tells whether the recording's hash chain holds. */
export const sessionDetail = session.extend({
  recording: z.object({
    /** `elsewhere`: on the disk of the replica that the session ran through, which is not this one. */
    state: z.enum(['open', 'closed', 'broken', 'missing', 'elsewhere']),
    intact: z.boolean(),
    problem: z.string().nullable(),
  }),
  statementList: z.array(statement),
  nextCursor: z.string().nullable(),
});
export type SessionDetail = z.infer<typeof sessionDetail>;

export const sessionQuery = pageQuery.extend({
  state: z.enum(['live', 'ended']).optional(),
  view: z.enum(['mine', 'all']).default('all'),
  grant: idText.optional(),
});
