// Proposals and the sets that were in force, as people see them.

import type { z } from 'zod';
import type {
  ChangeAnswer,
  Proposal,
  PublishedSet,
  policySignature,
  proposalQuery,
} from '../api/policy-changes.ts';
import type { ProposalDetail } from '../api/policy-plan.ts';
import type { pageQuery } from '../api/text.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { type Principal, principalFrom, refOf, selectPrincipals } from '../identity/principals.ts';
import { type PolicyFiles, policyFilesByDigest } from '../policy/publish.ts';
import { policyWarnings } from '../policy/warnings.ts';
import { changesBetween, differing } from './file-changes.ts';
import { readPlan } from './plan.ts';
import { planWithin } from './plan-within.ts';
import { PROPOSAL_COLUMNS, type ProposalRow, seesProposals, visibleProposal } from './proposal-row.ts';
import { holders, isSole, signersFor, whyNotSign } from './signers.ts';

const MOST_SHOWN_SIGNERS = 20;
const SOLE_WARNING =
  'ONE PERSON ALONE put this in force: nobody else could sign. Give Action::"changePolicy" to a second person.';

type Signature = z.infer<typeof policySignature>;

/** Newest first. Who may change policy, administer or audit sees all; others their own. */
export async function listProposals(
  ctx: GrantsContext,
  caller: Caller,
  query: z.infer<typeof proposalQuery>,
): Promise<{ items: Proposal[]; nextCursor: string | null }> {
  const rows = await ctx.db
    .selectFrom('policy_proposals')
    .select(PROPOSAL_COLUMNS)
    .$if(!seesProposals(ctx, caller), (q) => q.where('proposed_by', '=', caller.principal.id))
    .$if(query.state !== undefined, (q) => q.where('state', '=', query.state ?? 'open'))
    .$if(query.cursor !== undefined, (q) => q.where('id', '<', query.cursor ?? ''))
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const shown = rows.slice(0, query.limit);
  return {
    items: await viewRows(ctx, caller, shown),
    nextCursor: rows.length > query.limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** Errors: `unknown-proposal`. */
export async function viewProposal(ctx: GrantsContext, caller: Caller, id: string): Promise<ProposalDetail> {
  const { row, plan } = await visibleProposal(ctx, caller, id);
  const [view] = await viewRows(ctx, caller, [row]);
  if (view === undefined) throw new Error('One row has one view.');
  const base = (await policyFilesByDigest(ctx.db, row.base_digest)) ?? {};
  const { plan: whole, planning } = readPlan(plan);
  const narrow = whole !== null && row.pack !== null && !seesProposals(ctx, caller);
  return {
    ...view,
    files: differing(base, row.files),
    inForce: ctx.policies.current().digest,
    // A set of an earlier version may be one that this version refuses.
    cautions: row.state === 'open' ? await cautionsOf(ctx, row) : [],
    plan: narrow ? planWithin(whole, row.pack ?? '') : whole,
    planning,
  };
}

/** What a proposal or a signature came to. */
export async function changeAnswer(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  sole = false,
): Promise<ChangeAnswer> {
  const { row } = await visibleProposal(ctx, caller, id);
  const [proposal] = await viewRows(ctx, caller, [row]);
  if (proposal === undefined) throw new Error('One row has one view.');
  return {
    proposal,
    inForce: row.state === 'published',
    warning: sole ? SOLE_WARNING : null,
    cautions: await cautionsOf(ctx, row),
  };
}

/** For what may still come into force, or just has. */
async function cautionsOf(ctx: GrantsContext, row: ProposalRow): Promise<string[]> {
  return row.state === 'open' || row.state === 'published' ? policyWarnings(ctx, row.files) : [];
}

async function viewRows(ctx: GrantsContext, caller: Caller, rows: ProposalRow[]): Promise<Proposal[]> {
  if (rows.length === 0) return [];
  const signatures = await signaturesOf(
    ctx,
    rows.map((row) => row.id),
  );
  const people = await principalsById(
    ctx,
    rows.flatMap((row) => [row.proposed_by, ...(row.decided_by === null ? [] : [row.decided_by])]),
  );
  const held = rows.some((row) => row.state === 'open') ? await holders(ctx, ctx.db) : null;
  const bases = new Map<string, PolicyFiles>();
  for (const digest of new Set(rows.map((row) => row.base_digest)))
    bases.set(digest, (await policyFilesByDigest(ctx.db, digest)) ?? {});
  return rows.map((row) => {
    const proposer = known(people, row.proposed_by);
    const open = row.state === 'open' && held !== null;
    const sole = open && isSole(held, proposer);
    const mayNot = open ? whyNotSign(ctx, caller, proposer, sole) : 'This change is not open any more.';
    return {
      id: row.id,
      state: row.state,
      digest: row.digest,
      baseDigest: row.base_digest,
      comment: row.comment,
      liveGrants: row.live_grants,
      pack: row.pack,
      rollback: row.rollback,
      proposedBy: refOf(proposer),
      proposedAt: row.proposed_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      decidedBy: row.decided_by === null ? null : refOf(known(people, row.decided_by)),
      decidedAt: row.decided_at?.toISOString() ?? null,
      reason: row.reason,
      changes: changesBetween(bases.get(row.base_digest) ?? {}, row.files),
      signatures: signatures.get(row.id) ?? [],
      signers: open ? signersFor(held.people, proposer).slice(0, MOST_SHOWN_SIGNERS).map(refOf) : [],
      soleSigner: sole,
      maySign: mayNot === null,
      mayNot,
      mayWithdraw: open && proposer.id === caller.principal.id,
    };
  });
}

/** Newest first: every set that was in force, with who signed it. */
export async function policyHistory(
  ctx: GrantsContext,
  query: z.infer<typeof pageQuery>,
): Promise<{ items: PublishedSet[]; nextCursor: string | null }> {
  const rows = await ctx.db
    .selectFrom('policy_sets as s')
    .leftJoin('policy_proposals as p', 'p.id', 's.proposal_id')
    .select(['s.id', 's.digest', 's.files', 's.in_force', 's.published_at', 's.proposal_id', 's.live_grants'])
    .select('p.comment')
    .$if(query.cursor !== undefined, (q) => q.where('s.id', '<', query.cursor ?? ''))
    .orderBy('s.id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const shown = rows.slice(0, query.limit);
  const signatures = await signaturesOf(
    ctx,
    shown.flatMap((row) => row.proposal_id ?? []),
  );
  return {
    items: shown.map((row) => ({
      digest: row.digest,
      inForce: row.in_force,
      publishedAt: row.published_at.toISOString(),
      policyFiles: Object.keys(row.files).length,
      proposalId: row.proposal_id,
      comment: row.comment,
      liveGrants: row.live_grants,
      signatures: signatures.get(row.proposal_id ?? '') ?? [],
    })),
    nextCursor: rows.length > query.limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** In the order in which they were given: the proposer's first. */
async function signaturesOf(ctx: GrantsContext, ids: string[]): Promise<Map<string, Signature[]>> {
  const found = new Map<string, Signature[]>();
  if (ids.length === 0) return found;
  const rows = await ctx.db
    .selectFrom('policy_signatures as s')
    .innerJoin('principals as p', 'p.id', 's.principal_id')
    .innerJoin('policy_proposals as o', 'o.id', 's.proposal_id')
    .select(['s.proposal_id', 's.digest', 's.sole', 's.signed_at', 'o.proposed_by'])
    .select(['p.id', 'p.name', 'p.display_name', 'p.kind'])
    .where('s.proposal_id', 'in', ids)
    .orderBy('s.signed_at')
    .execute();
  for (const row of rows) {
    found.set(row.proposal_id, [
      ...(found.get(row.proposal_id) ?? []),
      {
        by: refOf({ id: row.id, name: row.name, displayName: row.display_name, kind: row.kind }),
        role: row.id === row.proposed_by ? 'proposed' : 'signed',
        digest: row.digest,
        sole: row.sole,
        at: row.signed_at.toISOString(),
      },
    ]);
  }
  return found;
}

async function principalsById(ctx: GrantsContext, ids: string[]): Promise<Map<string, Principal>> {
  const rows = await selectPrincipals(ctx.db)
    .where('p.id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [row.id, principalFrom(row)]));
}

function known(people: Map<string, Principal>, id: string): Principal {
  const one = people.get(id);
  if (one === undefined) throw new Error(`The principal ${id} is gone.`);
  return one;
}
