// More time in place: policy decides again on the whole length, the target's own expiry is moved first, then ours,
// and open sessions go on. A crash in between leaves only a later native expiry, which lets nobody stay longer.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import type { Handle } from '../connectors/contract.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import { decide, permitted } from '../policy/engine/decide.ts';
import type { Decided, Permission } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts, loadAsked, loadSponsor } from './facts.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { decideWithin } from './limits.ts';
import { NATIVE_SLACK_SECONDS } from './plan.ts';
import { askForPasskeyIf, requireStepUp, withMfaAge } from './step-up.ts';
import type { Caller } from './submit.ts';
import { nextGrantTruth } from './transitions.ts';

const STEP_TIMEOUT_MS = 10_000;

/** Adds `duration` to the grant's end. Errors: `unknown-grant`, `grant-<state>`, `extension-denied`, `extension-needs-approval`, `step-up-required`. */
export async function extendGrant(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
  body: { duration: string; reason: string },
): Promise<void> {
  const addSeconds = parseDuration(body.duration);
  const row = await ctx.db
    .selectFrom('grants')
    .selectAll()
    .select(sql<number>`extract(epoch from expires_at - now())::float8`.as('left_s'))
    .select(sql<boolean>`exists (select from reviews v where v.grant_id = grants.id)`.as('break_glass'))
    .where('id', '=', grantId)
    .where('principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (row === undefined) throw notFound('grant', grantId);
  nextGrantTruth(row, 'extend');
  if (row.break_glass) {
    throw conflict('break-glass-not-extended', 'What was taken by break-glass is not extended.', {
      hint: 'Ask as usual (`sally request`), or break the glass again: that is told and reviewed again.',
    });
  }
  if (row.left_s <= 0) throw conflict('grant-revoking', 'This grant has expired; ask for a new one.');
  const wholeSeconds = row.duration_s + addSeconds;

  const asked = await loadAsked(ctx.db, { targetId: row.target_id, taskId: row.task_id });
  const policies = ctx.policies.current();
  const circumstances = {
    sourceAddress: caller.sourceAddress,
    durationSeconds: wholeSeconds,
    reason: body.reason,
    ticket: null,
    mfaAgeSeconds: caller.mfaAgeSeconds,
  };
  const sponsor = await loadSponsor(ctx.db, caller.principal);
  const facts = decisionFacts(caller.principal, asked, circumstances, sponsor);
  refuseWhileHeldBack(ctx);
  const held = { principal: caller.principal, butGrant: grantId };
  const first = { facts, decided: decide(policies, facts) };
  const { decided, facts: known } = await decideWithin(policies, ctx.db, first, held);
  // No permit of its own is asked for; what speaks of `extend` holds all the same.
  const extension = permitted(policies, 'extend', facts);
  const barred = (permission: Permission) => !permission.allowed && permission.determining.length > 0;
  if (barred(extension) || decided.outcome === 'deny') {
    askForPasskeyIf(ctx, caller, (age) => {
      const fresh = withMfaAge(known, age);
      return !barred(permitted(policies, 'extend', fresh)) && decide(policies, fresh).outcome !== 'deny';
    });
  }
  if (barred(extension)) {
    throw new Failure(
      'denied',
      'extension-denied',
      extension.reasons.map((item) => item.text).join(' '),
      extension.enough[0] === undefined ? {} : { hint: extension.enough[0] },
    );
  }
  refuseDenied(decided, row.duration_s);
  if (decided.outcome === 'needs-approval') {
    throw new Failure('denied', 'extension-needs-approval', 'Policy wants approval for that long.', {
      hint: 'Make a new request; this grant goes on until its end meanwhile.',
    });
  }

  requireStepUp(ctx, caller, decided.obligations);
  requireStepUp(ctx, caller, extension.obligations);

  const client = await ctx.targets.open(row.target_id);
  await client.renew(
    row.handle as Handle,
    Math.ceil(row.left_s) + addSeconds + NATIVE_SLACK_SECONDS,
    AbortSignal.timeout(STEP_TIMEOUT_MS),
  );
  await ctx.db.transaction().execute(async (trx) => {
    // Once more where limits hold: others may have taken what was left.
    const last = await decideWithin(policies, trx, first, held);
    refuseDenied(last.decided, row.duration_s);
    const updated = await trx
      .updateTable('grants')
      .set({
        expires_at: sql<Date>`expires_at + make_interval(secs => ${addSeconds})`,
        native_expires_at: sql<Date>`expires_at + make_interval(secs => ${addSeconds + NATIVE_SLACK_SECONDS})`,
        duration_s: wholeSeconds,
        version: sql`version + 1`,
      })
      .where('id', '=', grantId)
      .where('version', '=', row.version)
      .where('wanted', '=', 'present')
      .where('expires_at', '>', sql<Date>`now()`)
      .returning('expires_at')
      .executeTakeFirst();
    if (updated === undefined)
      throw conflict('grant-changed', 'This grant has changed meanwhile; look at it again.');
    await storeDecision(trx, {
      requestId: row.request_id,
      grantId,
      action: 'extend',
      policyDigest: policies.digest,
      ...last,
    });
    await append(trx, {
      kind: 'grant.extended',
      actor: actorOf(caller.principal),
      requestId: row.request_id,
      grantId,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      policyDigest: policies.digest,
      detail: { addedSeconds: addSeconds, wholeSeconds, expiresAt: updated.expires_at, reason: body.reason },
    });
    await publish(trx, { topic: 'grants', id: grantId });
  });
}

function refuseDenied(decided: Decided, hadSeconds: number): void {
  if (decided.outcome !== 'deny') return;
  throw new Failure('denied', 'extension-denied', decided.reasons.map((item) => item.text).join(' '), {
    field: 'duration',
    ...(decided.longestSeconds === null
      ? {}
      : {
          hint: `The longest in all is ${formatDuration(decided.longestSeconds)}; this grant has had ${formatDuration(hadSeconds)}.`,
        }),
  });
}
