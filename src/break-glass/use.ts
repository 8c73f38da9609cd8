// Breaking the glass: nobody approves, and everybody who would have been asked is told. Policy says who may
// (`breakGlass`) and for how long at most; the grant is an ordinary one in every other way, and its review is open
// from the same transaction on. It also works while the audit log is in alarm: the entry is written like any other.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { breakGlassBody } from '../api/break-glass.ts';
import { append } from '../audit/append.ts';
import { describeDuration, formatDuration, parseDuration } from '../base/duration.ts';
import { conflict, Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { type Asked, decisionFacts, loadAsked, requestDigest } from '../grants/facts.ts';
import { intendGrant } from '../grants/intend.ts';
import { refuseWhileKilled } from '../grants/kill-scope.ts';
import { askForPasskeyIf, requireStepUp, withMfaAge } from '../grants/step-up.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import { permitted } from '../policy/engine/decide.ts';
import type { DecisionFacts, Permission } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import { drillFor, startDrill } from './drills.ts';
import { openReview } from './open-review.ts';
import { peopleToTell } from './whom.ts';

/** When nothing is said of how long. */
export const USUAL_BREAK_GLASS_SECONDS = 1_800;
/** Whatever policy says: an emergency that lasts longer has time for a request. */
export const LONGEST_BREAK_GLASS_SECONDS = 4 * 3_600;
/** Of one person that are not over: more are a mistake, or worse. */
export const MOST_LIVE_BREAK_GLASS = 5;

export interface BrokenOpen {
  requestId: string;
  grantId: string;
  reviewId: string;
}

interface Prepared {
  body: z.output<typeof breakGlassBody>;
  asked: Asked;
  facts: DecisionFacts;
  permission: Permission;
  durationSeconds: number;
}

/**
 * Errors: `confirmation-wrong`, `break-glass-denied`, `invalid-duration`, `too-many-break-glass`, `no-such-drill`,
 * `step-up-required`, `killed`, those of `loadAsked`.
 */
export async function breakGlass(
  ctx: GrantsContext,
  caller: Caller,
  body: z.output<typeof breakGlassBody>,
): Promise<BrokenOpen> {
  const asked = await loadAsked(ctx.db, body);
  if (body.confirm !== asked.target.name) {
    throw new Failure(
      'invalid',
      'confirmation-wrong',
      'The target was not confirmed: its name is typed once more.',
      {
        field: 'confirm',
        hint: `Type ${asked.target.name}, exactly.`,
      },
    );
  }
  // Somebody stopped this on purpose: lifting that is the way, not around it.
  await refuseWhileKilled(ctx.db, caller.principal, asked.target);
  const prepared = prepare(ctx, caller, body, asked);
  if (!prepared.permission.allowed) return refuse(ctx, caller, prepared);
  requireStepUp(ctx, caller, prepared.permission.obligations);
  const told = await peopleToTell(ctx, [caller.principal], {
    owner: asked.target.owner,
    facts: prepared.facts,
  });
  const done = await ctx.db.transaction().execute((trx) => write(ctx, trx, caller, prepared, told));
  await publish(ctx.db, { topic: 'requests', id: done.requestId });
  return done;
}

function prepare(
  ctx: GrantsContext,
  caller: Caller,
  body: z.output<typeof breakGlassBody>,
  asked: Asked,
): Prepared {
  const policies = ctx.policies.current();
  const given =
    body.duration === undefined
      ? null
      : parseDuration(body.duration, 'duration', LONGEST_BREAK_GLASS_SECONDS);
  const ask = (durationSeconds: number): Prepared => {
    const facts = decisionFacts(caller.principal, asked, {
      sourceAddress: caller.sourceAddress,
      durationSeconds,
      reason: body.reason,
      ticket: null,
      mfaAgeSeconds: caller.mfaAgeSeconds,
    });
    return { body, asked, facts, durationSeconds, permission: permitted(policies, 'breakGlass', facts) };
  };
  const first = ask(given ?? USUAL_BREAK_GLASS_SECONDS);
  const most = first.permission.obligations.maxDurationSeconds;
  // Nothing was said of how long, so what policy gives at most is meant.
  const isTooLong = !first.permission.allowed && most !== null && most < first.durationSeconds;
  return given === null && isTooLong ? ask(most) : first;
}

/** A refusal is written down too: who tried, on what, and why it was no. */
async function refuse(ctx: GrantsContext, caller: Caller, prepared: Prepared): Promise<never> {
  const { asked, facts, permission, durationSeconds, body } = prepared;
  const policies = ctx.policies.current();
  askForPasskeyIf(ctx, caller, (age) => permitted(policies, 'breakGlass', withMfaAge(facts, age)).allowed);
  await ctx.db.transaction().execute((trx) =>
    append(trx, {
      kind: 'break-glass.refused',
      actor: actorOf(caller.principal),
      targetId: asked.target.id,
      sourceAddress: caller.sourceAddress,
      policyDigest: policies.digest,
      detail: {
        target: asked.target.name,
        task: asked.task.name,
        durationSeconds,
        reason: body.reason,
        reasons: permission.reasons,
      },
    }),
  );
  const most = permission.obligations.maxDurationSeconds;
  const hint =
    most !== null && most < durationSeconds
      ? `Ask for ${formatDuration(most)} or less.`
      : (permission.enough[0] ?? 'Ask as usual: `sally request`; or an administrator may change policy.');
  const why = permission.reasons.map((item) => item.text).join(' ');
  throw new Failure(
    'denied',
    'break-glass-denied',
    why === '' ? 'Policy lets you break no glass here.' : why,
    { hint },
  );
}

async function write(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  prepared: Prepared,
  told: string[],
): Promise<BrokenOpen> {
  const { asked, body, facts, permission, durationSeconds } = prepared;
  const { principal, sourceAddress } = caller;
  const policyDigest = ctx.policies.current().digest;
  await refuseTooMany(trx, principal.id);
  const drillId = body.drill ? await drillFor(trx, principal.id, asked) : null;
  const actor = actorOf(principal);
  const requestId = await writeRequest(ctx, trx, caller, prepared);
  await storeDecision(trx, { requestId, action: 'breakGlass', policyDigest, facts, decided: permission });
  const alarm = ctx.heldBack();
  await append(trx, {
    kind: 'break-glass.used',
    actor,
    requestId,
    targetId: asked.target.id,
    sourceAddress,
    policyDigest,
    detail: {
      target: asked.target.name,
      segment: asked.target.segment,
      task: asked.task.name,
      durationSeconds,
      reason: body.reason,
      drill: drillId !== null,
      reasons: permission.reasons,
      // The log was not what was signed at that moment: whoever reviews has to know.
      ...(alarm === null ? {} : { logInAlarm: alarm }),
    },
  });
  const grantId = await intendGrant(trx, {
    requestId,
    principalId: principal.id,
    asked,
    durationSeconds,
    actor,
    policyDigest,
    startsAt: null,
  });
  const reviewId = await openReview(trx, {
    source: 'grant',
    drillId,
    grantId,
    requestId,
    target: asked.target,
    segment: asked.target.segment,
    timeZone: asked.timeZone,
    now: asked.now,
    task: asked.task.name,
    reason: body.reason,
    usedBy: [principal.id],
    told,
    actor,
    sourceAddress,
    notice: `${drillId === null ? '' : 'DRILL: '}${principal.displayName} (${principal.name}) broke glass: ${asked.task.name} on ${asked.target.name} for ${describeDuration(durationSeconds)}. “${body.reason}”. Nobody was asked; the review is open.`,
  });
  if (drillId !== null) await startDrill(trx, drillId, reviewId);
  return { requestId, grantId, reviewId };
}

async function writeRequest(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  { asked, body, permission, durationSeconds }: Prepared,
): Promise<string> {
  const id = newId('request');
  await trx
    .insertInto('requests')
    .values({
      id,
      requester_id: caller.principal.id,
      target_id: asked.target.id,
      task_id: asked.task.id,
      duration_s: durationSeconds,
      reason: body.reason,
      ticket: null,
      source_address: caller.sourceAddress,
      mfa_age_s: caller.mfaAgeSeconds,
      handed_by: [...(caller.handedBy ?? [])],
      starts_at: null,
      digest: requestDigest({
        requesterId: caller.principal.id,
        asked,
        circumstances: {
          sourceAddress: caller.sourceAddress,
          durationSeconds,
          reason: body.reason,
          ticket: null,
          mfaAgeSeconds: caller.mfaAgeSeconds,
        },
      }),
      state: 'approved',
      outcome: 'allow',
      reasons: JSON.stringify(permission.reasons),
      obligations: JSON.stringify({ ...permission.obligations, approvals: [] }),
      approved_duration_s: null,
      expires_at: sql<Date>`now() + make_interval(secs => ${ctx.pendingLifetimeSeconds})`,
      decided_at: sql<Date>`now()`,
    })
    .execute();
  return id;
}

async function refuseTooMany(trx: Trx, principalId: string): Promise<void> {
  // One person's uses take turns, so that many at once are not more than may be.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`sallyport break-glass ${principalId}`}, 0))`.execute(
    trx,
  );
  const { count } = await trx
    .selectFrom('reviews as v')
    .innerJoin('grants as g', 'g.id', 'v.grant_id')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('g.principal_id', '=', principalId)
    .where('g.wanted', '=', 'present')
    .executeTakeFirstOrThrow();
  if (count < MOST_LIVE_BREAK_GLASS) return;
  throw conflict('too-many-break-glass', `You hold ${MOST_LIVE_BREAK_GLASS} grants by break-glass already.`, {
    hint: 'Give back those that you no longer need: `sally grants --mine --state active`, `sally done <grant-id>`.',
  });
}
