// Sessions and what was said in them.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { idText, nameText, pageQuery, timestamp } from './text.ts';

export const session = z.object({
  id: idText,
  grantId: idText,
  principal: principalRef,
  target: nameText,
  /** The kind of the target: `postgres`, `ssh`. */
  targetKind: nameText.default('postgres'),
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
  /** Of hosts, once they have ended: programs and shells, files that were copied, forwarded connections. */
  commands: z.number().int().default(0),
  files: z.number().int().default(0),
  connections: z.number().int().default(0),
  recordingHash: z.string().nullable(),
  kept: z.object({
    /** After its end; null: for ever. Fixed when the session opened. */
    seconds: z.number().int().nullable(),
    /** null: for ever, or not ended yet. */
    until: timestamp.nullable(),
    /** While it lasts the recording is not removed. */
    hold: z.object({ at: timestamp, by: nameText, reason: z.string() }).nullable(),
    removedAt: timestamp.nullable(),
  }),
});
export type Session = z.infer<typeof session>;

export const statement = z.object({
  /** Position in the session, from 0. */
  index: z.number().int(),
  at: timestamp,
  /** Milliseconds from the start of the session. */
  offsetMs: z.number(),
  text: z.string(),
  /** Of a database `simple`, `extended`, `copy`; of a host `shell`, `exec`, `sftp`, `forward`. A refusal never reached it. */
  protocol: z.enum(['simple', 'extended', 'copy', 'function', 'shell', 'exec', 'sftp', 'forward']),
  verdict: z.enum(['passed', 'refused']),
  rows: z.number(),
  bytes: z.number(),
  durationMs: z.number().nullable(),
  error: z.object({ sqlstate: z.string(), message: z.string() }).nullable(),
  /** How a program on a host ended: its exit status, or the signal that ended it. */
  exit: z.union([z.number().int(), z.string()]).nullable(),
  /** Of a file that was copied from or to a host: of all that was moved, in hex. */
  sha256: z.string().nullable(),
});
export type Statement = z.infer<typeof statement>;

/** One session with its statements, a page at a time; `intact` tells whether the recording's hash chain holds. */
export const sessionDetail = session.extend({
  recording: z.object({
    /**
     * `elsewhere`: on the disk of the replica that the session ran through, which is not this one; `removed`: its time
     * was over.
     */
    state: z.enum(['open', 'closed', 'broken', 'missing', 'elsewhere', 'removed']),
    intact: z.boolean(),
    problem: z.string().nullable(),
  }),
  statementList: z.array(statement),
  nextCursor: z.string().nullable(),
});
export type SessionDetail = z.infer<typeof sessionDetail>;

/** What a session did in one second. */
const pace = z.object({
  at: timestamp,
  statements: z.number().int(),
  refused: z.number().int(),
  rows: z.number(),
  bytes: z.number(),
  /** Bytes towards the target. */
  written: z.number().default(0),
});
export type Pace = z.infer<typeof pace>;

/** A running session as the replica that holds it tells it, on whichever replica it is asked for. */
export const sessionLive = z.object({
  session,
  /** When its grant ends; null: that starts with the first use. */
  until: timestamp.nullable(),
  /** Counts up with what there is to see; the next question brings it along as `after`. */
  version: z.number().int(),
  /** null: the replica that holds the session has not said anything yet. */
  saidAt: timestamp.nullable(),
  /** The last hundred, those that run too; long texts are cut. */
  statements: z.array(statement),
  /** The seconds of the last minute in which something was done. */
  paces: z.array(pace),
  /** What its client was told: warnings before the end, and the end. */
  told: z.array(z.object({ at: timestamp, text: z.string() })),
  watchers: z.number().int(),
});
export type SessionLive = z.infer<typeof sessionLive>;

const LONGEST_WATCH_S = 20;

export const watchQuery = z.object({
  /** The version that is known already. */
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  /** Seconds to wait at most for a newer one. */
  wait: z.coerce.number().int().min(0).max(LONGEST_WATCH_S).default(0),
});
export type WatchQuery = z.infer<typeof watchQuery>;

/** The index of a shell or a program in its session's list. */
export const terminalEntry = z.coerce.number().int().min(0).max(2_147_483_647);

export const sessionQuery = pageQuery.extend({
  state: z.enum(['live', 'ended']).optional(),
  view: z.enum(['mine', 'all']).default('all'),
  grant: idText.optional(),
  /** Only those whose recording is held, or was removed by its time. */
  recording: z.enum(['held', 'removed']).optional(),
});

/** What a session did, by verb and object; a statement counts whole for each object that it touches. */
export const sessionMeasures = z.object({
  items: z.array(
    z.object({
      verb: z.string(),
      object: z.string(),
      /** Those that went well. */
      statements: z.int(),
      errors: z.int(),
      rows: z.number(),
      bytes: z.number(),
      durationMs: z.number(),
    }),
  ),
});
export type SessionMeasures = z.infer<typeof sessionMeasures>;
