// The second signature. Under one lock: the proposal is open, made from the set in force, holds the very digest that
// the signer was shown, and the signer is somebody else than the proposer. Then it is in force, with its entries.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { principalFacts } from '../grants/facts.ts';
import { sharedVoice } from '../grants/handed-voice.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, type Principal, principalById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { compileAside } from '../policy/engine/compile-aside.ts';
import { permittedOnPlatform } from '../policy/engine/decide.ts';
import { lockPolicySets, putInForce } from '../policy/publish.ts';
import { requireOwnPack } from './packs.ts';
import { lockOpenProposal, type ProposalRow, visibleProposal } from './proposal-row.ts';
import { baseMoved, refuseLockOut } from './propose.ts';
import { holders, isSole, whyNotSign } from './signers.ts';

/**
 * Puts the proposal in force. Errors: `unknown-proposal`; `proposal-over`; `proposal-expired`; `base-moved`;
 * `other-digest`; `may-not-sign`; `proposer-may-not` (of a pack: `may-not`); `would-lock-out`; `policy-invalid`.
 */
export async function sign(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  digest: string,
): Promise<{ sole: boolean }> {
  await ctx.policies.refresh();
  const { row: shown } = await visibleProposal(ctx, caller, id);
  // Not under the lock, because a large set takes its time; the digest says that it is the same set.
  const compiled = await compileAside(shown.files);
  const sole = await ctx.db.transaction().execute(async (trx) => {
    const inForce = await lockPolicySets(trx);
    const row = await lockOpenProposal(trx, id);
    if (digest !== row.digest || compiled.digest !== row.digest) throw otherDigest();
    if (inForce?.digest !== row.base_digest || ctx.policies.current().digest !== row.base_digest) {
      throw baseMoved();
    }
    const proposer = await principalById(trx, row.proposed_by);
    await requireProposerStillMay(ctx, trx, row, proposer);
    const alone = isSole(await holders(ctx, trx), proposer);
    const why =
      whyNotSign(ctx, caller, proposer, alone) ?? (alone ? null : await sameVoice(trx, caller, row));
    if (why !== null) throw new Failure('denied', 'may-not-sign', why);
    refuseLockOut(compiled, caller);
    // While nobody else could sign, whoever signs is the proposer, by whichever account.
    await writeSignature(trx, caller, row, alone);
    await putProposalInForce(trx, caller, { row, compiled, proposer, sole: alone });
    return alone;
  });
  await ctx.policies.refresh();
  return { sole };
}

function otherDigest(): Failure {
  return conflict(
    'other-digest',
    'This is not the digest of what is proposed: you looked at something else.',
    {
      field: 'digest',
      hint: 'Look at the proposal again; its digest is what you sign.',
    },
  );
}

/** Why signer and proposer are one voice by what one of them handed out to the other, or somebody to both; or null. */
async function sameVoice(trx: Trx, caller: Caller, row: ProposalRow): Promise<string | null> {
  const signing = [caller.principal.id, ...(caller.handedBy ?? [])];
  const same = await sharedVoice(trx, signing, [row.proposed_by, ...row.handed_by]);
  return same === null
    ? null
    : `${same.displayName} handed out a way to sign in that was used for this change: both signatures together are one person's.`;
}

// With the address and the hour of the proposal, and the groups of now: who has left since has not proposed anything.
async function requireProposerStillMay(
  ctx: GrantsContext,
  trx: Trx,
  row: ProposalRow,
  proposer: Principal,
): Promise<void> {
  if (row.pack !== null) {
    await requireOwnPack(trx, proposer, ctx.policies.files(), row.files);
    return;
  }
  const context = {
    sourceIp: row.source_address,
    nowMs: row.proposed_at.getTime(),
    mfaAgeSeconds: null,
  };
  const facts = { principal: principalFacts(proposer), context };
  const may = permittedOnPlatform(ctx.policies.current(), 'changePolicy', facts).allowed;
  if (!proposer.disabled && may) return;
  throw conflict('proposer-may-not', `${proposer.displayName} may not change policies any more.`, {
    hint: 'Propose it yourself, and let somebody else sign.',
  });
}

async function writeSignature(trx: Trx, caller: Caller, row: ProposalRow, sole: boolean): Promise<void> {
  await trx
    .insertInto('policy_signatures')
    .values({
      proposal_id: row.id,
      principal_id: caller.principal.id,
      digest: row.digest,
      sole,
      source_address: caller.sourceAddress,
    })
    .onConflict((oc) => oc.columns(['proposal_id', 'principal_id']).doUpdateSet({ sole: true }))
    .execute();
  await append(trx, {
    kind: 'policy.signed',
    actor: actorOf(caller.principal),
    sourceAddress: caller.sourceAddress,
    policyDigest: row.digest,
    detail: {
      proposalId: row.id,
      digest: row.digest,
      previousDigest: row.base_digest,
      soleSigner: sole,
    },
  });
}

async function putProposalInForce(
  trx: Trx,
  caller: Caller,
  input: { row: ProposalRow; compiled: CompiledPolicies; proposer: Principal; sole: boolean },
): Promise<void> {
  const { row, compiled, proposer, sole } = input;
  await trx
    .updateTable('policy_proposals')
    .set({ state: 'published', decided_at: sql`now()`, decided_by: caller.principal.id })
    .where('id', '=', row.id)
    .execute();
  const published = await putInForce(trx, {
    compiled,
    files: row.files,
    signed: {
      proposalId: row.id,
      proposer: actorOf(proposer),
      signer: actorOf(caller.principal),
      signerId: caller.principal.id,
      sourceAddress: caller.sourceAddress,
      sole,
      liveGrants: row.live_grants,
    },
  });
  if (published === null) throw baseMoved();
  await outdateOthers(trx, caller, row);
}

// They were planned over a set that is not in force any more.
async function outdateOthers(trx: Trx, caller: Caller, row: ProposalRow): Promise<void> {
  const others = await trx
    .updateTable('policy_proposals')
    .set({ state: 'outdated', decided_at: sql`now()` })
    .where('state', '=', 'open')
    .returning(['id', 'digest'])
    .execute();
  for (const other of others) {
    await append(trx, {
      kind: 'policy.outdated',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      policyDigest: other.digest,
      detail: { proposalId: other.id, digest: other.digest, by: row.id },
    });
    await publish(trx, { topic: 'policies', id: other.id });
  }
}
