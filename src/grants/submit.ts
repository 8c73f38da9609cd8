// Asking: policy decides on facts that were loaded once, and one transaction writes request, decision, grant and
// entries. A refusal is a stored request too: what was asked for and why it was refused is worth as much as a yes.

import { type RawBuilder, sql } from 'kysely';
import type { Preview, PreviewBody, SubmitBody } from '../api/requests.ts';
import { appendFor, type Entry } from '../audit/append.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { decide } from '../policy/engine/decide.ts';
import type { DecisionFacts, SessionUse } from '../policy/engine/facts.ts';
import { usedText } from '../policy/engine/limits.ts';
import { decisionInsert, type StoredDecision } from '../policy/publish.ts';
import type { RequestRow } from './approve.ts';
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
import { type Intent, intentOf, termsOf } from './intend.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import { rememberGrant } from './known-grants.ts';
import { type GrantRow, NOBODY_HAS_IT, type StepGrant, takenUpBy } from './lease.ts';
import { decideWithin, type WithUse } from './limits.ts';
import { atStart, startFrom } from './start.ts';
import { askForPasskeyIf, requireStepUp, withMfaAge } from './step-up.ts';

/** Requests that one principal may have pending at a time. */
export const MOST_PENDING_REQUESTS = 100;

export interface Caller {
  principal: Principal;
  sourceAddress: string;
  /** Since they used a passkey in this session; null when they did not, or cannot. */
  mfaAgeSeconds: number | null;
  /** Whose voice it also is, by the way in which they came in (people/hand-out.ts); left out for nobody's. */
  handedBy?: readonly string[];
}

export interface SubmitResult {
  /** As it was written; what a grant or an approver adds comes later. */
  row: RequestRow;
  asked: Asked;
  /** Null unless policy allowed it at once. */
  grantId: string | null;
  /** The step that the caller now takes (GrantWorker.take); null too where it starts later. */
  grant: StepGrant | null;
}

const STATE_AFTER = { allow: 'approved', 'needs-approval': 'pending', deny: 'denied' } as const;

/**
 * Errors: `unknown-target`, `unknown-task`, `task-does-not-fit`, `invalid-duration`, `too-many-pending`,
 * `step-up-required`, `killed`.
 */
export async function submit(ctx: GrantsContext, caller: Caller, body: SubmitBody): Promise<SubmitResult> {
  const asked = await loadAsked(ctx.db, body);
  const circumstances = circumstancesOf(caller, body, body.reason, asked);
  const policies = ctx.policies.current();
  const [sponsor] = await Promise.all([
    loadSponsor(ctx.db, caller.principal),
    refuseWhileKilled(ctx.db, caller.principal, asked.target),
  ]);
  const facts = atStart(
    decisionFacts(caller.principal, asked, circumstances, sponsor),
    circumstances.startsAt,
  );
  refuseWhileHeldBack(ctx);
  const first = { facts, decided: decide(policies, facts) };
  if (first.decided.outcome === 'deny') {
    askForPasskeyIf(ctx, caller, (age) => decide(policies, withMfaAge(facts, age)).outcome !== 'deny');
  } else requireStepUp(ctx, caller, first.decided.obligations);
  const requestId = newId('request');
  const prepare = (made: WithUse) =>
    prepareWrite(ctx, { requestId, caller, body, asked, circumstances, policyDigest: policies.digest }, made);
  const isLimited = first.decided.obligations.limits !== undefined && first.decided.outcome !== 'deny';
  const { draft, intent, answer } =
    isLimited || first.decided.outcome === 'needs-approval'
      ? await ctx.db.transaction().execute(async (trx) => {
          const prepared = prepare(await decideWithin(policies, trx, first, { principal: caller.principal }));
          if (prepared.draft.state === 'pending') await refuseTooManyPending(trx, caller.principal.id);
          return { ...prepared, answer: await prepared.write.execute(trx) };
        })
      : await withoutTransaction(ctx.db, prepare(first));
  await publish(ctx.db, { topic: 'requests', id: requestId });
  if (intent !== null) await publish(ctx.db, { topic: 'grants', id: intent.id });
  const [written] = answer.rows;
  if (written === undefined) throw new Failure('unavailable', 'store-broken', 'The store wrote no request.');
  const { request_created_at, request_decided_at, request_expires_at, ...grant } = written;
  const row: RequestRow = {
    ...draft,
    created_at: request_created_at,
    decided_at: request_decided_at,
    expires_at: request_expires_at,
    approved_duration_s: null,
    version: 1,
  };
  if (intent === null) return { row, asked, grantId: null, grant: null };
  const { target, task } = asked;
  rememberGrant(ctx.db, grant);
  if (draft.starts_at !== null) return { row, asked, grantId: intent.id, grant: null };
  return {
    row,
    asked,
    grantId: intent.id,
    grant: {
      ...grant,
      principal_name: caller.principal.name,
      display_name: caller.principal.displayName,
      principal_kind: caller.principal.kind,
      target: target.name,
      segment: target.segment,
      task_name: task.name,
      ageSeconds: 0,
      targetVersion: target.version,
      entitlement: task.entitlement,
    },
  };
}

type Submitted = Circumstances & { startsAt: Date | null; sessionUse: SessionUse | null };

interface Prepared {
  draft: Draft;
  intent: Intent | null;
  write: RawBuilder<Written>;
}

async function withoutTransaction(db: Db, prepared: Prepared) {
  return { ...prepared, answer: await prepared.write.execute(db) };
}

interface Submission {
  requestId: string;
  caller: Caller;
  body: SubmitBody;
  asked: Asked;
  circumstances: Submitted;
  policyDigest: string;
}

function prepareWrite(ctx: GrantsContext, of: Submission, { facts, decided }: WithUse): Prepared {
  const { requestId, caller, body, asked, circumstances, policyDigest } = of;
  const draft: Draft = {
    id: requestId,
    requester_id: caller.principal.id,
    target_id: asked.target.id,
    task_id: asked.task.id,
    duration_s: circumstances.durationSeconds,
    reason: body.reason,
    ticket: body.ticket ?? null,
    source_address: caller.sourceAddress,
    mfa_age_s: caller.mfaAgeSeconds,
    handed_by: [...(caller.handedBy ?? [])],
    starts_at: circumstances.startsAt,
    kill_id: null,
    extends_grant: null,
    session_use: circumstances.sessionUse,
    digest: requestDigest({ requesterId: caller.principal.id, asked, circumstances }),
    state: STATE_AFTER[decided.outcome],
    outcome: decided.outcome,
    reasons: decided.reasons,
    obligations: decided.obligations,
  };
  const by = { actor: actorOf(caller.principal), policyDigest };
  const grantFacts = {
    ...by,
    requestId,
    principalId: caller.principal.id,
    asked,
    durationSeconds: circumstances.durationSeconds,
    startsAt: circumstances.startsAt,
    terms: termsOf(decided.obligations, circumstances.sessionUse),
  };
  const hand = circumstances.startsAt === null ? takenUpBy(ctx.run) : NOBODY_HAS_IT;
  const intent = draft.state === 'approved' ? intentOf(grantFacts, hand) : null;
  const stored = { requestId, action: 'request', policyDigest, facts, decided } as const;
  const write = writeRequest(ctx, draft, stored, intent, submittedEntry(draft, asked, by));
  return { draft, intent, write };
}

/** The new grant's columns (null where there is none), and those of the request that the store has filled in. */
type Written = GrantRow & {
  request_created_at: Date;
  request_decided_at: Date | null;
  request_expires_at: Date;
};
type Draft = Omit<RequestRow, 'created_at' | 'decided_at' | 'expires_at' | 'approved_duration_s' | 'version'>;

// Request, decision, intent and entries in one statement, which is a transaction by itself: one way to the store and
// one wait for its disk.
function writeRequest(
  ctx: Pick<GrantsContext, 'pendingLifetimeSeconds'>,
  draft: Draft,
  stored: StoredDecision,
  intent: Intent | null,
  entry: Entry,
): RawBuilder<Written> {
  const decidedAt = draft.state === 'pending' ? sql`null` : sql`now()`;
  const intended = intent === null ? sql`` : sql`intended as (${intent.insert} returning *),`;
  return sql<Written>`
    with asked as (
      insert into requests (id, requester_id, target_id, task_id, duration_s, reason, ticket, source_address, digest,
        state, outcome, reasons, obligations, starts_at, session_use, expires_at, decided_at, mfa_age_s, handed_by)
      values (${draft.id}, ${draft.requester_id}, ${draft.target_id}, ${draft.task_id}, ${draft.duration_s},
        ${draft.reason}, ${draft.ticket}, ${draft.source_address}, ${draft.digest}, ${draft.state}, ${draft.outcome},
        ${JSON.stringify(draft.reasons)}, ${JSON.stringify(draft.obligations)},
        ${draft.starts_at}, ${draft.session_use}, coalesce(${draft.starts_at}::timestamptz, now() + make_interval(secs => ${ctx.pendingLifetimeSeconds})),
        ${decidedAt}, ${draft.mfa_age_s}, ${draft.handed_by}::text[])
      returning created_at as request_created_at, decided_at as request_decided_at,
        expires_at as request_expires_at),
    decided as (${decisionInsert(stored).insert}),
    ${intended}
    logged as (${appendFor('asked', intent === null ? [entry] : [entry, intent.entry])})
    select * from asked${intent === null ? sql`` : sql`, intended`}`;
}

function submittedEntry(
  draft: Draft,
  asked: Asked,
  by: { actor: Entry['actor']; policyDigest: string },
): Entry {
  return {
    kind: 'request.submitted',
    actor: by.actor,
    requestId: draft.id,
    targetId: draft.target_id,
    sourceAddress: draft.source_address,
    policyDigest: by.policyDigest,
    detail: {
      target: asked.target.name,
      segment: asked.target.segment,
      task: asked.task.name,
      durationSeconds: draft.duration_s,
      ...(draft.starts_at === null ? {} : { startsAt: draft.starts_at.toISOString() }),
      ...(draft.session_use === null ? {} : { use: draft.session_use }),
      reason: draft.reason,
      ticket: draft.ticket,
      outcome: draft.outcome,
      reasons: draft.reasons,
      obligations: draft.obligations,
    },
  };
}

/** The decision as it would be now; nothing is written. */
export async function previewRequest(
  ctx: GrantsContext,
  caller: Caller,
  body: PreviewBody,
): Promise<Preview> {
  const asked = await loadAsked(ctx.db, body);
  const circumstances = circumstancesOf(caller, body, body.reason ?? '', asked);
  const sponsor = await loadSponsor(ctx.db, caller.principal);
  const facts = decisionFacts(caller.principal, asked, circumstances, sponsor);
  return previewFor(ctx, caller.principal, atStart(facts, circumstances.startsAt));
}

export async function previewFor(
  ctx: GrantsContext,
  principal: Principal,
  facts: DecisionFacts,
  policies = ctx.policies.current(),
): Promise<Preview> {
  const first = { facts, decided: decide(policies, facts) };
  const { decided, facts: known } = await decideWithin(policies, ctx.db, first, { principal });
  const { outcome, reasons, obligations, longestSeconds, enough } = decided;
  const limits = (obligations.limits ?? []).map((limit) => usedText(limit, known.use ?? []));
  return { decision: { outcome, reasons, obligations }, longestSeconds, enough, limits };
}

function circumstancesOf(
  caller: Caller,
  body: {
    duration: string;
    ticket?: string | undefined;
    startsAt?: string | undefined;
    use?: SessionUse | undefined;
  },
  reason: string,
  asked: Asked,
): Submitted {
  return {
    sourceAddress: caller.sourceAddress,
    durationSeconds: parseDuration(body.duration),
    reason,
    ticket: body.ticket ?? null,
    mfaAgeSeconds: caller.mfaAgeSeconds,
    startsAt: startFrom(body.startsAt, asked),
    sessionUse: body.use ?? null,
  };
}

/** From here on a person's requests are counted one after the other, so that those made at once count one another. */
const COUNTED_IN_TURN = MOST_PENDING_REQUESTS / 2;

/** Errors: `too-many-pending`. */
export async function refuseTooManyPending(trx: Trx, principalId: string): Promise<void> {
  if ((await countPending(trx, principalId)) < COUNTED_IN_TURN) return;
  await sql`select pg_advisory_xact_lock(hashtextextended(${`pending ${principalId}`}, 0))`.execute(trx);
  if ((await countPending(trx, principalId)) < MOST_PENDING_REQUESTS) return;
  throw new Failure(
    'limit',
    'too-many-pending',
    `You have ${MOST_PENDING_REQUESTS} pending requests already.`,
    {
      hint: 'Cancel those that you no longer need: `sally requests --state pending`.',
    },
  );
}

async function countPending(trx: Trx, principalId: string): Promise<number> {
  const { count } = await trx
    .selectFrom('requests')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('requester_id', '=', principalId)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  return count;
}
