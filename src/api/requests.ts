// Requests, decisions, approvals.

import { z } from 'zod';
import { grant } from './grants.ts';
import { principalRef } from './people.ts';
import { durationText, idText, nameText, pageQuery, reasonText, ticketText, timestamp } from './text.ts';

export const outcome = z.enum(['allow', 'needs-approval', 'deny']);
export type Outcome = z.infer<typeof outcome>;

/** One sentence of the explanation, and the policy that it comes from. */
export const reason = z.object({
  policy: z.string(),
  effect: z.enum(['permit', 'forbid', 'none']),
  text: z.string(),
});
export type Reason = z.infer<typeof reason>;

/** `2 of Group::"dba"`, `1 of onCall Group::"dba"` or `1 of manager`. Stages open one after the other. */
export const approvalStage = z.object({
  count: z.number().int(),
  from: z.string(),
  /** Who fills the same places too, from so long after the stage has opened. */
  also: z.object({ afterSeconds: z.number().int(), from: z.string() }).optional(),
});
export type ApprovalStage = z.infer<typeof approvalStage>;

export const obligations = z.object({
  maxDurationSeconds: z.number().int().nullable(),
  approvals: z.array(approvalStage),
  record: z.enum(['on', 'required']),
  stepUp: z.enum(['none', 'passkey']),
  mask: z.array(z.string()),
  /** `3 active per person in prod`, `8h a week`; left out where there are none. */
  limits: z
    .array(
      z.object({
        kind: z.enum(['active', 'weekly']),
        perPerson: z.boolean(),
        segment: z.string().nullable(),
        /** Grants, or seconds in seven days. */
        most: z.number().int(),
      }),
    )
    .optional(),
  /** `once`: for one session; `session`: until the last of its sessions has ended; left out: until its end. */
  sessionUse: z.enum(['once', 'session']).optional(),
  /** The clock starts at the first connection, which has to come within this. */
  claimSeconds: z.number().int().optional(),
  /** How long what runs at the deadline may go on. */
  landingSeconds: z.number().int().optional(),
  /** What all sessions of the grant together may read. */
  maxRows: z.number().int().optional(),
  maxBytes: z.number().int().optional(),
  /** Which statements wait for a yes of their own, and whose; no stages: those of the request. */
  approveStatements: z
    .object({
      kinds: z.array(z.enum(['all', 'write', 'insert', 'update', 'delete', 'merge', 'truncate'])),
      by: z.array(approvalStage),
    })
    .optional(),
  /** What recordings keep of constants in statements; left out: they keep them. */
  literals: z.enum(['hash', 'drop']).optional(),
  /** How long recordings are kept after their session; null: for ever; left out: as the configuration says. */
  keepRecordingSeconds: z.number().int().nullable().optional(),
});
export type Obligations = z.infer<typeof obligations>;

export const decision = z.object({ outcome, reasons: z.array(reason), obligations });
export type Decision = z.infer<typeof decision>;

export const requestState = z.enum(['pending', 'approved', 'denied', 'cancelled', 'expired']);
export type RequestState = z.infer<typeof requestState>;

export const approval = z.object({
  by: principalRef,
  /** Who was away, where `by` stood in for them. */
  onBehalfOf: principalRef.nullable(),
  verdict: z.enum(['approve', 'deny']),
  durationSeconds: z.number().int().nullable(),
  reason: z.string().nullable(),
  at: timestamp,
});
export type Approval = z.infer<typeof approval>;

export const stageProgress = approvalStage.extend({
  /** What comes after the open one waits; only who can fill a place of the open one may approve now. */
  state: z.enum(['met', 'open', 'waiting']),
  given: z.number().int(),
  /** Who could give it now, or could if it were open; at most twenty names. */
  candidates: z.array(principalRef),
  /** Who could give it now for somebody who is away. */
  standIns: z.array(z.object({ by: principalRef, onBehalfOf: principalRef, until: timestamp })),
  openedAt: timestamp.nullable(),
  /** From when `also` counts; null while the stage waits. */
  widensAt: timestamp.nullable(),
});

export const request = z.object({
  id: idText,
  state: requestState,
  decision,
  requester: principalRef,
  target: z.object({ name: nameText, segment: z.string(), environment: z.string(), sensitivity: z.string() }),
  task: z.object({ name: nameText, description: z.string(), rights: z.array(z.string()) }),
  /** Of a bundle, all of them, in order; `target` and `task` are the first. Empty for a single one. */
  members: z.array(
    z.object({
      target: nameText,
      segment: z.string(),
      task: nameText,
      rights: z.array(z.string()),
      outcome,
    }),
  ),
  /** When it is to start; null for at once. */
  startsAt: timestamp.nullable(),
  /** The whole length; of an extension, from the grant's beginning. */
  durationSeconds: z.number().int(),
  /** The grant that it asks more time for, and what that has now; null for a new one. */
  extends: z.object({ grantId: idText, hasSeconds: z.number().int() }).nullable(),
  approvedDurationSeconds: z.number().int().nullable(),
  reason: z.string(),
  ticket: z.string().nullable(),
  /** What the requester wished; policy may want the same or more. */
  use: z.enum(['once', 'session']).nullable(),
  sourceAddress: z.string(),
  /** Binds an approval to exactly this card, obligations included; send it back with the approval. */
  digest: z.string(),
  approvals: z.array(approval),
  stages: z.array(stageProgress),
  /** Who has opened the card. */
  seenBy: z.array(z.object({ by: principalRef, at: timestamp })),
  /** What differs from what this person usually asks for, in words. */
  unusual: z.array(z.string()),
  lastUsedAt: timestamp.nullable(),
  createdAt: timestamp,
  decidedAt: timestamp.nullable(),
  expiresAt: timestamp,
  /** True when the reader may approve or deny now; `mayNot` says why not otherwise. */
  mayApprove: z.boolean(),
  mayNot: z.string().nullable(),
});
export type Request = z.infer<typeof request>;

export const submitBody = z.object({
  target: nameText,
  task: nameText,
  duration: durationText,
  reason: reasonText,
  ticket: ticketText.optional(),
  /** RFC 3339, or a time without offset of the target's segment; now when left out. */
  startsAt: z.string().max(40).optional(),
  /** Less than policy would give: for one session, or until the last of its sessions ends. */
  use: z.enum(['once', 'session']).optional(),
});
export type SubmitBody = z.infer<typeof submitBody>;

export const MOST_MEMBERS = 20;
export const bundleMember = z.object({ target: nameText, task: nameText });
/** Several tasks on several targets: all of them or none. */
export const bundleBody = submitBody.omit({ target: true, task: true }).extend({
  members: z
    .array(bundleMember)
    .min(2, 'Name at least two members; one alone is a plain request.')
    .max(MOST_MEMBERS, `At most ${MOST_MEMBERS} members.`),
});
export type BundleBody = z.infer<typeof bundleBody>;

export const previewBody = submitBody
  .omit({ reason: true })
  .extend({ reason: z.string().max(2000).optional() });
export type PreviewBody = z.infer<typeof previewBody>;

/** The decision as it would be now, and what would be enough where it is not yes. */
export const preview = z.object({
  decision,
  longestSeconds: z.number().int().nullable(),
  enough: z.array(z.string()),
  /** How much is held of what is limited: `2 of 3 active per person in prod`. */
  limits: z.array(z.string()),
});
export type Preview = z.infer<typeof preview>;

/** Of a bundle, `grants` holds every one and `grant` is the first; left out otherwise. */
export const submitted = z.object({
  request,
  grant: grant.nullable(),
  grants: z.array(grant).optional(),
});
export type Submitted = z.infer<typeof submitted>;

export const approveBody = z.object({
  /** Shorter than asked, never longer. */
  duration: durationText.optional(),
  /** The digest of the request that was looked at; without it, the one in force is taken. */
  digest: z.string().max(64).optional(),
});
export const denyBody = z.object({ reason: reasonText });

export const requestQuery = pageQuery.extend({
  state: requestState.optional(),
  /** `mine`: that I made; `approvals`: that I could decide; `all`: that I may see. */
  view: z.enum(['mine', 'approvals', 'all']).default('all'),
});

export const waitQuery = z.object({
  /** Seconds to wait at most for the request to be decided and its grant to be active or over. */
  wait: z.coerce.number().int().min(0).max(60).default(0),
});

export const explainBody = z.object({
  principal: nameText.optional(),
  target: nameText,
  task: nameText,
  duration: durationText.default('1h'),
  sourceAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
  at: timestamp.optional(),
  reason: z.string().max(2000).optional(),
  ticket: ticketText.optional(),
});
export type ExplainBody = z.infer<typeof explainBody>;
