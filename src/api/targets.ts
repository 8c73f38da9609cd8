// Targets, tasks, what a check found, and standing access.

import { z } from 'zod';
import { lineText, nameText, reasonText, segmentPath, timestamp } from './text.ts';

export const capabilities = z.object({
  endsSessions: z.boolean(),
  nativeExpiry: z.boolean(),
  revocableCredential: z.boolean(),
  smallestDurationSeconds: z.number(),
  promise: z.string(),
});

export const task = z.object({
  name: nameText,
  kind: z.string(),
  description: z.string(),
  segment: segmentPath.nullable(),
  /** The task that it is part of, for policies that speak of `context.task in Task::"…"`. */
  parent: nameText.nullable(),
  /** What it may do, in words, one right a line. */
  rights: z.array(z.string()),
});
export type Task = z.infer<typeof task>;

export const checkItem = z.object({
  name: z.string(),
  status: z.enum(['ok', 'warn', 'fail']),
  detail: z.string(),
  fix: z.string().optional(),
});
export type CheckItem = z.infer<typeof checkItem>;

export const checkReport = z.object({ ok: z.boolean(), items: z.array(checkItem), checkedAt: timestamp });
export type CheckReport = z.infer<typeof checkReport>;

export const target = z.object({
  name: nameText,
  kind: z.string(),
  segment: segmentPath,
  environment: z.string(),
  sensitivity: z.enum(['low', 'normal', 'high']),
  owner: z.string().nullable(),
  /** `host:port/database`, of a host `host:port`; never a credential. */
  address: z.string(),
  /** Its standbys, `host:port`. */
  nodes: z.array(z.string()),
  capabilities,
  tasks: z.array(z.string()),
  activeGrants: z.number().int(),
  check: checkReport.nullable(),
});
export type Target = z.infer<typeof target>;

export const addTargetBody = z.object({
  name: nameText.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'Lower-case letters, digits and - only, at most 63.'),
  kind: z.string().max(40),
  segment: segmentPath,
  environment: nameText,
  sensitivity: z.enum(['low', 'normal', 'high']).default('normal'),
  owner: nameText.optional(),
  /** Checked by the connector's own schema; for postgres: host, port, database, tls. */
  settings: z.record(z.string(), z.unknown()),
  admin: z.object({ user: z.string().min(1).max(63), password: z.string().max(1000) }),
});
export type AddTargetBody = z.infer<typeof addTargetBody>;

/** `user` left out: the same as before. */
export const changeCredentialBody = z.object({
  user: z.string().min(1).max(63).optional(),
  password: z.string().min(1).max(1000),
});

/** What is named replaces what is there, null takes it away; the connector's own schema has the last word. */
export const changeSettingsBody = z.object({
  settings: z
    .record(z.string().max(60), z.unknown())
    .refine((settings) => Object.keys(settings).length > 0, 'Name at least one setting.'),
});

export const removeTargetBody = z.object({ reason: reasonText });

export const addTaskBody = z.object({
  name: nameText.regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  kind: z.string().max(40),
  description: lineText(500),
  segment: segmentPath.optional(),
  /** A task that there is; `context.task in Task::"<parent>"` holds for this one too. */
  parent: nameText.optional(),
  /** Checked by the connector's own schema. */
  entitlement: z.record(z.string(), z.unknown()),
});
export type AddTaskBody = z.infer<typeof addTaskBody>;

export const segment = z.object({
  path: segmentPath,
  /** What holds here: its own, or that of the nearest segment above. */
  timeZone: z.string(),
  ownTimeZone: z.boolean(),
  owner: z.string().nullable(),
  ownOwner: z.boolean(),
  description: z.string(),
  /** How long open sessions go on while the store cannot be reached. */
  storeGraceSeconds: z.number().int(),
  ownStoreGrace: z.boolean(),
});
export type Segment = z.infer<typeof segment>;

export const LONGEST_STORE_GRACE_SECONDS = 3_600;

/** What is left out stays as it is; null takes the segment's own back. */
export const setSegmentBody = z.object({
  path: segmentPath,
  timeZone: z.string().max(60).nullable().optional(),
  owner: nameText.nullable().optional(),
  description: lineText(500, 0).optional(),
  storeGraceSeconds: z
    .number()
    .int('Whole seconds.')
    .min(0)
    .max(LONGEST_STORE_GRACE_SECONDS, `At most ${LONGEST_STORE_GRACE_SECONDS} seconds.`)
    .nullable()
    .optional(),
});
export type SetSegmentBody = z.infer<typeof setSegmentBody>;

export const standingAccess = z.object({
  principal: z.string(),
  canLogin: z.boolean(),
  superuser: z.boolean(),
  rights: z.array(z.string()),
  through: z.array(z.string()),
  lastUsedAt: z.string().nullable(),
  /** An emergency kit's dormant login says so here; null for what nothing of ours explains. */
  explainedBy: z.string().nullable(),
});
export type StandingAccess = z.infer<typeof standingAccess>;
