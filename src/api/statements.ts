// One statement that waits for somebody's yes, as its card shows it.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { approval, stageProgress } from './requests.ts';
import { idText, nameText, pageQuery, reasonText, timestamp } from './text.ts';

export const statementState = z.enum(['waiting', 'approved', 'used', 'denied', 'expired', 'withdrawn']);
export type StatementState = z.infer<typeof statementState>;

export const statementCard = z.object({
  id: idText,
  state: statementState,
  principal: principalRef,
  sessionId: idText,
  grantId: idText,
  requestId: idText,
  target: nameText,
  segment: z.string(),
  task: nameText,
  /** Why the grant was asked for. */
  purpose: z.string(),
  /** As it will run; with `parameters` for $1, $2 …: null is NULL, long ones are cut, bytes are shown as \x…. */
  text: z.string(),
  parameters: z.array(z.string().nullable()),
  /** Binds a yes to exactly this text and these values. */
  digest: z.string(),
  /** The target's own plan of it, by EXPLAIN; null: not known. */
  estimate: z.string().nullable(),
  createdAt: timestamp,
  expiresAt: timestamp,
  decidedAt: timestamp.nullable(),
  /** Who said no, and why. */
  decidedBy: principalRef.nullable(),
  reason: z.string().nullable(),
  /** Each yes to it, in order. */
  approvals: z.array(approval).default([]),
  stages: z.array(stageProgress),
  mayApprove: z.boolean(),
  /** Why not, where the reader sees it and may not. */
  mayNot: z.string().nullable(),
});
export type StatementCard = z.infer<typeof statementCard>;

export const statementQuery = pageQuery.extend({
  state: statementState.optional(),
  /** `approvals`: those that wait for the reader; `all`: that they may see. */
  view: z.enum(['approvals', 'all']).default('all'),
});

/** The digest of the card that was looked at: another statement is never approved by it. */
export const approveStatementBody = z.strictObject({ digest: z.string().min(1).max(64) });
export const denyStatementBody = z.strictObject({ reason: reasonText });
