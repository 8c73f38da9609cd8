// Changes of policy: proposals, their signatures, and the sets that were in force.

import { z } from 'zod';
import { principalRef } from './people.ts';
import { idText, pageQuery, reasonText, timestamp } from './text.ts';

export const MOST_POLICY_FILES = 200;
export const LARGEST_POLICY_FILE_CHARS = 500_000;
/** Of a call that carries policies; any other body is smaller. */
export const LARGEST_POLICY_BODY_BYTES = 4 * 1024 * 1024;

const FILE_NAME =
  /^(packs\/[a-z0-9][a-z0-9-]{0,62}(\/[a-z0-9][a-z0-9-]{0,62}){0,9}\/)?[a-z0-9][a-z0-9._-]{0,99}\.cedar$/;

/** What no store of texts takes. */
const UNSTORABLE = /\p{Cs}/u;

export const policyFiles = z
  .record(
    z.string().regex(FILE_NAME, 'A name such as orders.cedar or packs/prod/eu/orders.cedar.'),
    z
      .string()
      .max(LARGEST_POLICY_FILE_CHARS)
      .refine(
        (text) => !text.includes('\0') && !UNSTORABLE.test(text),
        'It holds a zero byte or half a character.',
      ),
  )
  .refine((files) => Object.keys(files).length <= MOST_POLICY_FILES, `At most ${MOST_POLICY_FILES} files.`);
export type PolicyFiles = z.infer<typeof policyFiles>;

export const policyDigest = z.string().regex(/^[0-9a-f]{64}$/, 'The 64 hexadecimal digits of a policy set.');

/** What happens to live grants that the new set does not permit any more; what it forbids ends always. */
export const liveGrants = z.enum(['end', 'run-out']);
export type LiveGrants = z.infer<typeof liveGrants>;

export const proposeBody = z.object({
  /** The whole set that is to be in force. Either this or `rollbackTo`. */
  files: policyFiles.optional(),
  /** The digest of a set that was in force once. */
  rollbackTo: policyDigest.optional(),
  /** The set in force that the change was made from; refused when another is in force meanwhile. */
  baseDigest: policyDigest.optional(),
  comment: reasonText,
  liveGrants: liveGrants.default('end'),
});
export type ProposeBody = z.infer<typeof proposeBody>;

/** The digest is that of what was looked at: nothing else can be signed. */
export const signBody = z.object({ digest: policyDigest });
export const refuseBody = z.object({ reason: reasonText });

export const proposalState = z.enum(['open', 'published', 'refused', 'withdrawn', 'expired', 'outdated']);
export type ProposalState = z.infer<typeof proposalState>;

export const fileChange = z.object({ file: z.string(), what: z.enum(['added', 'changed', 'removed']) });
export type FileChange = z.infer<typeof fileChange>;

export const policySignature = z.object({
  by: principalRef,
  role: z.enum(['proposed', 'signed']),
  digest: z.string(),
  /** The only signature, because nobody else could have signed. */
  sole: z.boolean(),
  at: timestamp,
});

export const proposal = z.object({
  id: idText,
  state: proposalState,
  /** Of the files that are proposed; send it back with the signature. */
  digest: z.string(),
  baseDigest: z.string(),
  comment: z.string(),
  liveGrants,
  /** The segment whose pack alone is changed; null for a change of any file. */
  pack: z.string().nullable(),
  rollback: z.boolean(),
  proposedBy: principalRef,
  proposedAt: timestamp,
  expiresAt: timestamp,
  decidedBy: principalRef.nullable(),
  decidedAt: timestamp.nullable(),
  /** Why it was refused. */
  reason: z.string().nullable(),
  changes: z.array(fileChange),
  signatures: z.array(policySignature),
  /** Who could sign it; at most twenty. */
  signers: z.array(principalRef),
  /** True while nobody but the proposer could sign: then their own signature is enough. */
  soleSigner: z.boolean(),
  maySign: z.boolean(),
  mayNot: z.string().nullable(),
  mayWithdraw: z.boolean(),
});
export type Proposal = z.infer<typeof proposal>;

/** What is no mistake and probably one all the same, a sentence each. */
export const cautions = z.array(z.string()).default([]);

/** A file that differs: as it is in the set that the change was made from, and as it is proposed. */
export const fileTexts = z.object({
  file: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});
export type FileTexts = z.infer<typeof fileTexts>;

/** What a proposal or a signature came to. */
export const changeAnswer = z.object({
  proposal,
  /** True when it is in force now. */
  inForce: z.boolean(),
  /** What everybody should know about it: one person changed policy alone. */
  warning: z.string().nullable(),
  cautions,
});
export type ChangeAnswer = z.infer<typeof changeAnswer>;

export const proposalQuery = pageQuery.extend({ state: proposalState.optional() });

export const publishedSet = z.object({
  digest: z.string(),
  inForce: z.boolean(),
  publishedAt: timestamp,
  policyFiles: z.number().int(),
  /** Null for what Sallyport itself put in force. */
  proposalId: z.string().nullable(),
  comment: z.string().nullable(),
  liveGrants,
  signatures: z.array(policySignature),
});
export type PublishedSet = z.infer<typeof publishedSet>;
