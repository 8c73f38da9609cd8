// Audit entries on the wire. The leaf itself is canonical JSON; its shape is `leaf` below.

import { z } from 'zod';
import { idText, pageQuery, timestamp } from './text.ts';

/** What one entry says. Never a secret. Serialised as RFC 8785 JSON, at most 64 KiB. */
export const leaf = z.object({
  v: z.literal(1),
  at: timestamp,
  kind: z.string(),
  actor: z.object({ id: z.string(), name: z.string(), kind: z.string() }),
  requestId: z.string().optional(),
  grantId: z.string().optional(),
  sessionId: z.string().optional(),
  targetId: z.string().optional(),
  sourceAddress: z.string().optional(),
  policyDigest: z.string().optional(),
  detail: z.record(z.string(), z.unknown()),
});
export type Leaf = z.infer<typeof leaf>;

export const auditEntry = z.object({
  /** Position in the log; null until the sequencer has placed it (under a second). */
  index: z.number().int().nullable(),
  leaf,
  leafHash: z.string().nullable(),
  /** The event in one sentence. */
  sentence: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntry>;

export const auditQuery = pageQuery.extend({
  kind: z.string().max(60).optional(),
  actor: z.string().max(100).optional(),
  request: idText.optional(),
  grant: idText.optional(),
  session: idText.optional(),
  target: z.string().max(100).optional(),
  /** Part of the entry's text. */
  text: z.string().max(200).optional(),
  from: timestamp.optional(),
  to: timestamp.optional(),
});

export const checkpoint = z.object({
  size: z.number().int(),
  root: z.string(),
  note: z.string(),
  at: timestamp,
});

/** `ok: false` names the first bad index. */
export const verification = z.object({
  ok: z.boolean(),
  size: z.number().int(),
  root: z.string(),
  badIndex: z.number().int().optional(),
  problem: z.string().optional(),
});
export type Verification = z.infer<typeof verification>;
