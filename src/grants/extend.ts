// More time in place: policy decides again on the whole length, the target's own expiry is moved first, then ours,
// and open sessions go on. A crash in between leaves only a later native expiry, which lets nobody stay longer. Where
// policy wants approvals, a request for the whole length is made instead, and the last yes lengthens the grant
// (lengthen.ts).

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { formatDuration, LONGEST_DURATION_SECONDS, parseDuration } from '../base/duration.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { decideExtension } from '../policy/engine/extension.ts';
import type { Decided, DecisionFacts } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { type Circumstances, decisionFacts, loadAsked, loadSponsor } from './facts.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import type { GrantRow } from './lease.ts';
import { moveNativeExpiry, takeNativeExpiry } from './lengthen.ts';
import { decideWithin } from './limits.ts';
import { NATIVE_SLACK_SECONDS } from './plan.ts';
import { requestExtension } from './request-extension.ts';
import { askForPasskeyIf, requireStepUp, withMfaAge } from './step-up.ts';
import type { Caller } from './submit.ts';
import { nextGrantTruth } from './transitions.ts';

const asDecided = (policies: CompiledPolicies, facts: DecisionFacts) =>
  decideExtension(policies, facts).decided;

/**
 * Adds `duration` to the grant's end, or asks for the approvals that policy wants for that: then the request's id.
 * Errors: `unknown-grant`, `grant-<state>`, `grant-unclaimed`, `extension-denied`, `extension-pending`,
 * `step-up-required`, `killed`.
 */
export async function extendGrant(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
  body: { duration: string; reason: string },
): Promise<{ requestId: string | null }> {
  const addSeconds = parseDuration(body.duration);
  const row = await ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .selectAll('g')
    .select(sql<boolean>`exists (select from reviews v where v.grant_id = g.id)`.as('break_glass'))
    .select(['r.ticket', sql<number>`extract(epoch from g.expires_at - now())::float8`.as('left_s')])
    .where('g.id', '=', grantId)
    .where('g.principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (row === undefined) throw notFound('grant', grantId);
  nextGrantTruth(row, 'extend');
  if (row.break_glass) {
    throw conflict('break-glass-not-extended', 'What was taken by break-glass is not extended.', {
      hint: 'Ask as usual (`sally request`), or break the glass again: that is told and reviewed again.',
    });
  }
  if (row.left_s <= 0) throw conflict('grant-revoking', 'This grant has expired; ask for a new one.');
  if (row.claim_s !== null && row.claimed_at === null)
    throw conflict('grant-unclaimed', 'The clock of this grant has not started: nothing is to be extended.', {
      hint: 'It starts at the first connection.',
    });
  const wholeSeconds = row.duration_s + addSeconds;
  if (wholeSeconds > LONGEST_DURATION_SECONDS)
    throw new Failure(
      'denied',
      'extension-denied',
      'Nothing is granted for that long, whatever policy says.',
      {
        field: 'duration',
        hint: `The longest in all is ${formatDuration(LONGEST_DURATION_SECONDS)}.`,
      },
    );

  const asked = await loadAsked(ctx.db, { targetId: row.target_id, taskId: row.task_id });
  const policies = ctx.policies.current();
  const circumstances: Circumstances = {
    sourceAddress: caller.sourceAddress,
    durationSeconds: wholeSeconds,
    reason: body.reason,
    ticket: row.ticket,
    mfaAgeSeconds: caller.mfaAgeSeconds,
  };
  const sponsor = await loadSponsor(ctx.db, caller.principal);
  const facts = decisionFacts(caller.principal, asked, circumstances, sponsor);
  refuseWhileHeldBack(ctx);
  await refuseWhileKilled(ctx.db, caller.principal, asked.target);
  const held = { principal: caller.principal, butGrant: grantId };
  const first = { facts, decided: asDecided(policies, facts) };
  const { decided, facts: known } = await decideWithin(policies, ctx.db, first, held, asDecided);
  if (decided.outcome === 'deny') {
    const fresh = (age: number) => asDecided(policies, withMfaAge(known, age));
    askForPasskeyIf(ctx, caller, (age) => fresh(age).outcome !== 'deny');
  }
  refuseDenied(decided, row.duration_s);
  requireStepUp(ctx, caller, decided.obligations);
  if (decided.outcome === 'needs-approval') {
    const wanted = { row, asked, circumstances, decided, facts: known };
    return { requestId: await requestExtension(ctx, caller, wanted) };
  }
  await moveExpiry(ctx, caller, { row, addSeconds, reason: body.reason }, async (trx) => {
    // Once more where limits hold: others may have taken what was left.
    const last = await decideWithin(policies, trx, first, held, asDecided);
    refuseDenied(last.decided, row.duration_s);
    const { asRequest } = decideExtension(policies, last.facts);
    await storeDecision(trx, {
      requestId: row.request_id,
      grantId,
      action: 'extend',
      policyDigest: policies.digest,
      facts: last.facts,
      decided: asRequest,
    });
    return policies.digest;
  });
  return { requestId: null };
}

async function moveExpiry(
  ctx: GrantsContext,
  caller: Caller,
  { row, addSeconds, reason }: { row: GrantRow & { left_s: number }; addSeconds: number; reason: string },
  decideLast: (trx: Parameters<typeof append>[0]) => Promise<string>,
): Promise<void> {
  const wholeSeconds = row.duration_s + addSeconds;
  await ctx.db.transaction().execute(async (trx) => {
    if (!(await takeNativeExpiry(trx, row.id))) throw changedMeanwhile();
    const now = await trx.selectFrom('grants').select('version').where('id', '=', row.id).executeTakeFirst();
    if (now?.version !== row.version) throw changedMeanwhile();
    await moveNativeExpiry(ctx, row, row.left_s + addSeconds + row.landing_s);
    const policyDigest = await decideLast(trx);
    const nativeSeconds = addSeconds + row.landing_s + NATIVE_SLACK_SECONDS;
    const updated = await trx
      .updateTable('grants')
      .set({
        expires_at: sql<Date>`expires_at + make_interval(secs => ${addSeconds})`,
        native_expires_at: sql<Date>`expires_at + make_interval(secs => ${nativeSeconds})`,
        duration_s: wholeSeconds,
        version: sql`version + 1`,
      })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .where('wanted', '=', 'present')
      .where('expires_at', '>', sql<Date>`now()`)
      .returning('expires_at')
      .executeTakeFirst();
    if (updated === undefined) throw changedMeanwhile();
    await append(trx, {
      kind: 'grant.extended',
      actor: actorOf(caller.principal),
      requestId: row.request_id,
      grantId: row.id,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      policyDigest,
      detail: { addedSeconds: addSeconds, wholeSeconds, expiresAt: updated.expires_at, reason },
    });
    await publish(trx, { topic: 'grants', id: row.id });
  });
}

function changedMeanwhile(): Failure {
  return conflict('grant-changed', 'This grant has changed meanwhile; look at it again.');
}

function refuseDenied(decided: Decided, hadSeconds: number): void {
  if (decided.outcome !== 'deny') return;
  const longest = decided.longestSeconds;
  const hint =
    longest === null
      ? decided.enough[0]
      : `The longest in all is ${formatDuration(longest)}; this grant has had ${formatDuration(hadSeconds)}.`;
  throw new Failure('denied', 'extension-denied', decided.reasons.map((item) => item.text).join(' '), {
    field: 'duration',
    ...(hint === undefined ? {} : { hint }),
  });
}
