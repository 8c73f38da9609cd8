// Grants, their credentials, receipts.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { durationText, idText, nameText, pageQuery, reasonText, timestamp } from './text.ts';

/** What people see; derived from `wanted` and `observed` by one table (lifecycle.md). */
export const grantState = z.enum(['planned', 'granting', 'active', 'revoking', 'cleanup-pending', 'revoked']);
export type GrantState = z.infer<typeof grantState>;

/** What one node of the target says of a grant, and since when. `unknown`: it could not be asked. */
export const grantNode = z.object({
  node: z.string(),
  role: z.enum(['primary', 'standby']),
  observed: z.enum(['unknown', 'present', 'inert', 'absent']),
  since: timestamp,
  error: z.string().nullable(),
});
export type GrantNode = z.infer<typeof grantNode>;

export const grant = z.object({
  id: idText,
  requestId: idText,
  state: grantState,
  principal: principalRef,
  target: nameText,
  task: nameText,
  segment: z.string(),
  /** The login on the target and at the gateway. */
  login: z.string(),
  durationSeconds: z.number().int(),
  createdAt: timestamp,
  /** When it is to start, where that was asked for. */
  startsAt: timestamp.nullable(),
  activatedAt: timestamp.nullable(),
  expiresAt: timestamp.nullable(),
  endedAt: timestamp.nullable(),
  endReason: z.string().nullable(),
  /** When the target itself said that it is over. */
  absentAt: timestamp.nullable(),
  overdue: z.boolean(),
  lastError: z.string().nullable(),
  blockers: z.array(z.string()),
  /** What somebody changed by hand on its identity on the target, a sentence each. */
  altered: z.array(z.string()),
  /** Of a target with several nodes, each; otherwise empty. */
  nodes: z.array(grantNode),
  liveSessions: z.number().int(),
  /** It was taken without being asked for; a drill is marked. */
  breakGlass: z.enum(['real', 'drill']).nullable(),
  /** `once`: for one session; `session`: until the last of its sessions has ended; null: until its end. */
  use: z.enum(['once', 'session']).nullable(),
  /** Until then the first connection has to come, which starts the clock; null where the clock has started. */
  claimBy: timestamp.nullable(),
  /** How long what runs at the deadline may go on. */
  landingSeconds: z.number().int(),
  /** More time that waits for approval: by which request, and for how long in all. */
  extension: z.object({ requestId: idText, durationSeconds: z.number().int() }).nullable(),
  mayEnd: z.boolean(),
});
export type Grant = z.infer<typeof grant>;

export const grantQuery = pageQuery.extend({
  state: z.union([grantState, z.literal('live'), z.literal('overdue')]).optional(),
  view: z.enum(['mine', 'all']).default('all'),
});

export const issuedCredential = z.object({
  /** `postgres://…`; of a grant on a host `ssh://login:secret@gateway:port`. */
  dsn: z.string(),
  expiresAt: timestamp,
  /** Of a grant on a host: the key that the gateway shows, for known hosts. */
  hostKey: z.string().optional(),
});
export type IssuedCredential = z.infer<typeof issuedCredential>;

export const extendBody = z.object({ duration: durationText, reason: reasonText });
export const revokeBody = z.object({ reason: reasonText });

/** After a grant: what was asked, what was used, what it leaves, and what would have been enough. */
export const receipt = z.object({
  grantId: idText,
  asked: z.object({ task: nameText, durationSeconds: z.number().int(), reason: z.string() }),
  heldSeconds: z.number().nullable(),
  usedSeconds: z.number(),
  sessions: z.number().int(),
  statements: z.number().int(),
  /** What its sessions read, of what policy let them read; null: nothing limited it. */
  read: z.object({
    rows: z.number(),
    bytes: z.number(),
    mostRows: z.number().nullable(),
    mostBytes: z.number().nullable(),
  }),
  used: z.array(z.object({ right: z.string(), statements: z.number().int(), rows: z.number() })),
  unused: z.array(z.string()),
  /** What passed only because the task's lists are not enforced, in words: `select customers`. */
  beyond: z.array(z.object({ what: z.string(), statements: z.number().int() })),
  leftBehind: z.array(z.string()),
  /** The narrower request for next time, in words; null when this one fitted. */
  narrower: z.string().nullable(),
});
export type Receipt = z.infer<typeof receipt>;
