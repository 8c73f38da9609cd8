// A change of policy begins as a proposal: the whole set, the set that it was made from, who, and why. The set in force
// stays as it is until a second person has signed. A roll back is a proposal of a set that was in force before.

import { sql } from 'kysely';
import type { ProposeBody } from '../api/policy-changes.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { mayOnPlatform, platformFacts } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { compileAside } from '../policy/engine/compile-aside.ts';
import { permittedOnPlatform } from '../policy/engine/decide.ts';
import { lockPolicySets, type PolicyFiles, policyFilesByDigest } from '../policy/publish.ts';
import { changesBetween } from './file-changes.ts';
import { requireOwnPack } from './packs.ts';
import { holders, isSole } from './signers.ts';

export const PROPOSAL_LIFETIME_DAYS = 7;
export const MOST_OPEN_PROPOSALS = 20;

/**
 * The proposal's id. Errors: `policy-invalid`; `would-lock-out`; `base-moved`; `nothing-changes`; `already-proposed`;
 * `too-many-proposals`; `unknown-policy-set` for a roll back; `may-not`.
 */
export async function propose(ctx: GrantsContext, caller: Caller, body: ProposeBody): Promise<string> {
  const { files, pack } = await filesToPropose(ctx, caller, body);
  const base = ctx.policies.current();
  if (body.baseDigest !== undefined && body.baseDigest !== base.digest) throw baseMoved();
  const compiled = await compileAside(files);
  if (compiled.digest === base.digest) {
    throw conflict('nothing-changes', 'These are the policies that are in force already.');
  }
  // A pack holds no rights over Sallyport, so that its owner cannot lock out anybody.
  if (pack === null) refuseLockOut(compiled, caller);
  return ctx.db.transaction().execute(async (trx) => {
    const inForce = await lockPolicySets(trx);
    if (inForce?.digest !== base.digest) throw baseMoved();
    await refuseTooMany(trx, compiled.digest);
    return write(ctx, trx, caller, { files, compiled, base, body, pack });
  });
}

/**
 * The whole set that the caller may propose, over the set that is in force now; `pack` where they may change that alone.
 * Errors as `propose`.
 */
export async function filesToPropose(
  ctx: GrantsContext,
  caller: Caller,
  body: Pick<ProposeBody, 'files' | 'rollbackTo'>,
): Promise<{ files: PolicyFiles; pack: string | null }> {
  await ctx.policies.refresh();
  if (mayOnPlatform(ctx, caller, 'changePolicy')) {
    return { files: await proposedFiles(ctx, body), pack: null };
  }
  const files = body.files ?? {};
  return { files, pack: await requireOwnPack(ctx.db, caller.principal, ctx.policies.files(), files) };
}

/** Errors: `would-lock-out` where the caller could not change policy any more. */
export function refuseLockOut(compiled: CompiledPolicies, caller: Caller): void {
  if (permittedOnPlatform(compiled, 'changePolicy', platformFacts(caller)).allowed) return;
  throw conflict(
    'would-lock-out',
    'Under these policies you could not change policies any more; nothing was changed.',
    { hint: 'Keep a permit for Action::"changePolicy" that holds for you.' },
  );
}

export function baseMoved(): Failure {
  return conflict(
    'base-moved',
    'Other policies came into force meanwhile: this change was made from others.',
    {
      hint: 'Look at what is in force now, plan the change again, and propose it anew.',
    },
  );
}

async function proposedFiles(
  ctx: GrantsContext,
  body: Pick<ProposeBody, 'files' | 'rollbackTo'>,
): Promise<PolicyFiles> {
  if ((body.files === undefined) === (body.rollbackTo === undefined)) {
    throw invalid('files', 'Send either the files or the digest of a set to go back to.');
  }
  if (body.files !== undefined) return body.files;
  const files = await policyFilesByDigest(ctx.db, body.rollbackTo ?? '');
  if (files === null) throw notFound('policy-set', body.rollbackTo ?? '');
  return files;
}

async function refuseTooMany(trx: Trx, digest: string): Promise<void> {
  const open = await trx
    .selectFrom('policy_proposals')
    .select(['id', 'digest'])
    .where('state', '=', 'open')
    .execute();
  const same = open.find((row) => row.digest === digest);
  if (same !== undefined) {
    throw conflict('already-proposed', `This very set is proposed already: ${same.id}.`, {
      facts: { proposalId: same.id },
    });
  }
  if (open.length >= MOST_OPEN_PROPOSALS) {
    throw new Failure('limit', 'too-many-proposals', `${MOST_OPEN_PROPOSALS} changes are open already.`, {
      hint: 'Sign, refuse or withdraw some first.',
    });
  }
}

async function write(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  input: {
    files: PolicyFiles;
    compiled: CompiledPolicies;
    base: CompiledPolicies;
    body: ProposeBody;
    pack: string | null;
  },
): Promise<string> {
  const { files, compiled, base, body, pack } = input;
  const id = newId('proposal');
  const rollback = body.rollbackTo !== undefined;
  await trx
    .insertInto('policy_proposals')
    .values({
      id,
      digest: compiled.digest,
      base_digest: base.digest,
      files: JSON.stringify(files),
      comment: body.comment,
      live_grants: body.liveGrants,
      pack,
      rollback,
      proposed_by: caller.principal.id,
      source_address: caller.sourceAddress,
      handed_by: [...(caller.handedBy ?? [])],
      expires_at: sql`now() + make_interval(days => ${sql.lit(PROPOSAL_LIFETIME_DAYS)})`,
    })
    .execute();
  await trx
    .insertInto('policy_signatures')
    .values({
      proposal_id: id,
      principal_id: caller.principal.id,
      digest: compiled.digest,
      source_address: caller.sourceAddress,
    })
    .execute();
  await append(trx, {
    kind: 'policy.proposed',
    actor: actorOf(caller.principal),
    sourceAddress: caller.sourceAddress,
    policyDigest: compiled.digest,
    detail: {
      proposalId: id,
      digest: compiled.digest,
      previousDigest: base.digest,
      comment: body.comment,
      liveGrants: body.liveGrants,
      pack,
      rollback,
      soleSigner: isSole(await holders(ctx, trx), caller.principal),
      changes: changesBetween(ctx.policies.files(), files),
    },
  });
  await publish(trx, { topic: 'policies', id });
  return id;
}
