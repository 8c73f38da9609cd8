// Asking for several tasks on several targets at once: all of them or none. Each member is decided as if it were asked
// for alone, the strictest answer holds for all, and one transaction writes request, members, decisions and intents.

import { sql } from 'kysely';
import type { BundleBody } from '../api/requests.ts';
import { append } from '../audit/append.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure, invalid } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import { bundleDigest, type DecidedTogether, decideTogether } from './bundle.ts';
import type { GrantsContext } from './context.ts';
import {
  type Asked,
  type Circumstances,
  decisionFacts,
  loadAsked,
  loadSponsor,
  requestDigest,
} from './facts.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { intendGrant, termsOf } from './intend.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import { decideWithin } from './limits.ts';
import { atStart, startFrom } from './start.ts';
import { askForPasskeyIf, requireStepUp, withMfaAge } from './step-up.ts';
import { type Caller, refuseTooManyPending } from './submit.ts';

const STATE_AFTER = { allow: 'approved', 'needs-approval': 'pending', deny: 'denied' } as const;

interface Wanted {
  asked: Asked;
  facts: DecisionFacts;
  digest: string;
}

/**
 * The request's id. Errors: `unknown-target`, `unknown-task`, `task-does-not-fit` (each naming the member's field),
 * `invalid-input` for one that is named twice; and those of `submit`.
 */
export async function submitBundle(ctx: GrantsContext, caller: Caller, body: BundleBody): Promise<string> {
  refuseTwice(body);
  const asked = await Promise.all(body.members.map((member, place) => loadMember(ctx, member, place)));
  const [first] = asked;
  if (first === undefined) throw invalid('members', 'Name at least two members.');
  const circumstances: Circumstances & { startsAt: Date | null } = {
    sourceAddress: caller.sourceAddress,
    durationSeconds: parseDuration(body.duration),
    reason: body.reason,
    ticket: body.ticket ?? null,
    mfaAgeSeconds: caller.mfaAgeSeconds,
    startsAt: startFrom(body.startsAt, first),
    sessionUse: body.use ?? null,
  };
  const sponsor = await loadSponsor(ctx.db, caller.principal);
  for (const one of asked) await refuseWhileKilled(ctx.db, caller.principal, one.target);
  refuseWhileHeldBack(ctx);
  const wanted = asked.map((one) => ({
    asked: one,
    facts: atStart(decisionFacts(caller.principal, one, circumstances, sponsor), circumstances.startsAt),
    digest: requestDigest({ requesterId: caller.principal.id, asked: one, circumstances }),
  }));
  const policies = ctx.policies.current();
  const all = wanted.map(({ facts }) => facts);
  const decided = decideTogether(policies, all);
  if (decided.outcome === 'deny') {
    const fresh = (age: number) =>
      decideTogether(
        policies,
        all.map((facts) => withMfaAge(facts, age)),
      );
    askForPasskeyIf(ctx, caller, (age) => fresh(age).outcome !== 'deny');
  } else requireStepUp(ctx, caller, decided.obligations);
  const submission = { caller, body, wanted, circumstances };
  try {
    return await write(ctx, submission, decided);
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    return write(ctx, submission, error.decided);
  }
}

/** Found while the grants were written, which are taken back: then it is a refusal like any other. */
class LimitReached extends Error {
  readonly decided: DecidedTogether;
  constructor(decided: DecidedTogether) {
    super('a limit is reached');
    this.decided = decided;
  }
}

interface Submission {
  caller: Caller;
  body: BundleBody;
  wanted: Wanted[];
  circumstances: Circumstances & { startsAt: Date | null };
}

async function write(ctx: GrantsContext, of: Submission, decided: DecidedTogether): Promise<string> {
  const { caller, wanted, circumstances } = of;
  const id = newId('request');
  const policies = ctx.policies.current();
  const state = STATE_AFTER[decided.outcome];
  return ctx.db.transaction().execute(async (trx) => {
    if (state === 'pending') await refuseTooManyPending(trx, caller.principal.id);
    await writeRequest(ctx, trx, id, of, decided);
    for (const [place, { asked, facts, digest }] of wanted.entries()) {
      const own = decided.each[place];
      if (own === undefined) throw new Error('Each member has its decision.');
      const decisionId = await storeDecision(trx, {
        requestId: id,
        action: 'request',
        policyDigest: policies.digest,
        facts,
        decided: own,
      });
      await trx
        .insertInto('request_members')
        .values({
          request_id: id,
          place,
          target_id: asked.target.id,
          task_id: asked.task.id,
          digest,
          outcome: own.outcome,
          obligations: JSON.stringify(own.obligations),
          decision_id: decisionId,
        })
        .execute();
    }
    if (state === 'approved') {
      for (const [place, { asked, facts }] of wanted.entries()) {
        // One after the other in one transaction: each sees those before it, so limits count them all.
        const first = { facts, decided: decided.each[place] ?? fail() };
        const within = await decideWithin(policies, trx, first, { principal: caller.principal });
        if (within.decided.outcome === 'deny')
          throw new LimitReached(
            decideTogether(
              policies,
              wanted.map((one) => one.facts),
              decided.each.with(place, within.decided),
            ),
          );
        await intendGrant(trx, {
          requestId: id,
          principalId: caller.principal.id,
          asked,
          durationSeconds: circumstances.durationSeconds,
          actor: actorOf(caller.principal),
          policyDigest: policies.digest,
          startsAt: circumstances.startsAt,
          terms: termsOf(within.decided.obligations, circumstances.sessionUse ?? null),
          bundled: true,
        });
      }
    }
    await publish(trx, { topic: 'requests', id });
    return id;
  });
}

function fail(): never {
  throw new Error('Each member has its decision.');
}

async function writeRequest(
  ctx: Pick<GrantsContext, 'pendingLifetimeSeconds' | 'policies'>,
  trx: Trx,
  id: string,
  { caller, body, wanted, circumstances }: Submission,
  decided: DecidedTogether,
): Promise<void> {
  const [first] = wanted;
  if (first === undefined) return fail();
  const state = STATE_AFTER[decided.outcome];
  const { startsAt } = circumstances;
  await trx
    .insertInto('requests')
    .values({
      id,
      requester_id: caller.principal.id,
      target_id: first.asked.target.id,
      task_id: first.asked.task.id,
      duration_s: circumstances.durationSeconds,
      reason: body.reason,
      ticket: body.ticket ?? null,
      source_address: caller.sourceAddress,
      mfa_age_s: caller.mfaAgeSeconds,
      handed_by: [...(caller.handedBy ?? [])],
      starts_at: startsAt,
      session_use: body.use ?? null,
      digest: bundleDigest(wanted.map(({ digest }) => digest)),
      state,
      outcome: decided.outcome,
      reasons: JSON.stringify(decided.reasons),
      obligations: JSON.stringify(decided.obligations),
      expires_at: sql<Date>`coalesce(${startsAt}::timestamptz, now() + make_interval(secs => ${ctx.pendingLifetimeSeconds}))`,
      decided_at: state === 'pending' ? null : sql<Date>`now()`,
    })
    .execute();
  await append(trx, {
    kind: 'request.submitted',
    actor: actorOf(caller.principal),
    requestId: id,
    targetId: first.asked.target.id,
    sourceAddress: caller.sourceAddress,
    policyDigest: ctx.policies.current().digest,
    detail: {
      members: wanted.map(({ asked }) => ({
        target: asked.target.name,
        segment: asked.target.segment,
        task: asked.task.name,
      })),
      durationSeconds: circumstances.durationSeconds,
      ...(startsAt === null ? {} : { startsAt: startsAt.toISOString() }),
      ...(body.use === undefined ? {} : { use: body.use }),
      reason: body.reason,
      ticket: body.ticket ?? null,
      outcome: decided.outcome,
      reasons: decided.reasons,
      obligations: decided.obligations,
    },
  });
}

function refuseTwice({ members }: BundleBody): void {
  const seen = new Set<string>();
  for (const [place, { target, task }] of members.entries()) {
    const key = `${target} ${task}`;
    if (seen.has(key)) throw invalid(`members.${place}`, `${task} on ${target} is named twice.`);
    seen.add(key);
  }
}

async function loadMember(
  ctx: GrantsContext,
  member: BundleBody['members'][number],
  place: number,
): Promise<Asked> {
  try {
    return await loadAsked(ctx.db, member);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const field = `members.${place}.${error.code === 'unknown-target' ? 'target' : 'task'}`;
    throw new Failure(error.kind, error.code, error.message, {
      field,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
