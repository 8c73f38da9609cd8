// Requests as the API shows them: everything that an approver needs on one card. A page of requests is built from a
// fixed number of queries; only what differs from usual is asked for one request at a time.

import type { Selectable } from 'kysely';
import type { z } from 'zod';
import type { Approval, Request, requestQuery } from '../api/requests.ts';
import { notFound } from '../base/errors.ts';
import type { Outcome, Tables } from '../db/tables.ts';
import { type StandIn, standInsNow } from '../identity/delegations.ts';
import { activePeople, type Principal, principalsById, refOf } from '../identity/principals.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import type { StageState } from '../policy/engine/quorum.ts';
import { factsOf, type RequestRow } from './approve.ts';
import type { GrantsContext } from './context.ts';
import { approvalsOf, countApprovals, type Yes } from './count-approvals.ts';
import { type Asked, cardDigest, loadAsked } from './facts.ts';
import { seesEverything } from './platform-rights.ts';
import { stagesOnCard } from './quorum.ts';
import type { Caller, SubmitResult } from './submit.ts';
import { lastUsedAt, whatIsUnusual } from './unusual.ts';
import { whyNotApprove, whyNotStandIn } from './visibility.ts';

/** People who are looked at as possible approvers; more wants the directory's own search. */
const MOST_CANDIDATES = 500;
const SCAN_BATCH = 100;
const MOST_SCANS = 10;

/** Errors: `unknown-request`, also for one that the caller may not see. `seen` notes that they looked. */
export async function viewRequest(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  seen = false,
): Promise<Request> {
  const row = await ctx.db.selectFrom('requests').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('request', id);
  const [card] = await buildCards(ctx, caller, [row]);
  if (card === undefined || !(card.mine || card.decidable || card.decided || seesEverything(ctx, caller))) {
    throw notFound('request', id);
  }
  if (seen && card.decidable && row.state === 'pending') await noteSeen(ctx, caller, id);
  return card.request;
}

/** The card of what the caller has just asked, from what is known of it; only what policy allowed or refused at once. */
export async function viewSubmitted(
  ctx: GrantsContext,
  caller: Caller,
  { row, asked }: Pick<SubmitResult, 'row' | 'asked'>,
): Promise<Request> {
  if (row.state === 'pending') return viewRequest(ctx, caller, row.id);
  const nothing = {
    people: [],
    approvals: [],
    given: [],
    seenBy: [],
    standIns: [],
    hasSeconds: null,
    members: [],
  };
  const parts = { ...nothing, row, requester: caller.principal, asked, detailed: false };
  return (await buildCard(ctx, caller, parts)).request;
}

/** Newest first. What a caller sees: their own, those they may decide or did, all for those who administer or audit. */
export async function listRequests(
  ctx: GrantsContext,
  caller: Caller,
  query: z.infer<typeof requestQuery>,
): Promise<{ items: Request[]; nextCursor: string | null }> {
  const items: Request[] = [];
  const all = seesEverything(ctx, caller);
  let cursor = query.cursor;
  for (let scan = 0; scan < MOST_SCANS; scan++) {
    const rows = await ctx.db
      .selectFrom('requests')
      .selectAll()
      .$if(query.view === 'mine', (q) => q.where('requester_id', '=', caller.principal.id))
      .$if(query.view === 'approvals', (q) =>
        q.where('state', '=', 'pending').where('requester_id', '!=', caller.principal.id),
      )
      .$if(query.state !== undefined, (q) => q.where('state', '=', query.state ?? 'pending'))
      .$if(cursor !== undefined, (q) => q.where('id', '<', cursor ?? ''))
      .orderBy('id', 'desc')
      .limit(SCAN_BATCH)
      .execute();
    for (const card of await buildCards(ctx, caller, rows)) {
      const shown =
        query.view === 'approvals'
          ? card.request.mayApprove || (card.decidable && card.decided)
          : card.mine || card.decidable || card.decided || all;
      cursor = card.request.id;
      if (!shown) continue;
      items.push(card.request);
      if (items.length === query.limit) return { items, nextCursor: cursor };
    }
    if (rows.length < SCAN_BATCH) return { items, nextCursor: null };
  }
  return { items, nextCursor: cursor ?? null };
}

interface Card {
  request: Request;
  mine: boolean;
  /** The reader may decide on such a request (whatever its state). */
  decidable: boolean;
  /** The reader did decide on it. */
  decided: boolean;
}

async function buildCards(ctx: GrantsContext, caller: Caller, rows: RequestRow[]): Promise<Card[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const isPending = rows.some((row) => row.state === 'pending');
  const [approvals, given, views, people, standIns] = await Promise.all([
    ctx.db.selectFrom('approvals').selectAll().where('request_id', 'in', ids).orderBy('given_at').execute(),
    approvalsOf(
      ctx.db,
      rows.filter((row) => row.state === 'pending'),
    ),
    ctx.db
      .selectFrom('request_views')
      .selectAll()
      .where('request_id', 'in', ids)
      .orderBy('seen_at')
      .execute(),
    isPending ? activePeople(ctx.db, MOST_CANDIDATES) : [],
    isPending ? standInsNow(ctx.db) : [],
  ]);
  const needed = new Set([
    ...rows.map((r) => r.requester_id),
    ...approvals.flatMap((a) => [a.principal_id, ...(a.on_behalf_of === null ? [] : [a.on_behalf_of])]),
    ...views.map((v) => v.principal_id),
  ]);
  const principals = await principalsById(ctx.db, [...needed]);
  const [lengths, members] = await Promise.all([lengthsOf(ctx, rows), memberRowsOf(ctx, ids)]);
  const askedOf = new Map<string, Promise<Asked>>();
  const asked = (row: { target_id: string; task_id: string }) => {
    const key = `${row.target_id} ${row.task_id}`;
    const kept = askedOf.get(key) ?? loadAsked(ctx.db, { targetId: row.target_id, taskId: row.task_id });
    askedOf.set(key, kept);
    return kept;
  };
  const detailed = rows.length === 1 || rows.every((row) => row.state === 'pending');
  return Promise.all(
    rows.map(async (row) => {
      const requester = known(principals, row.requester_id);
      // What was said to an earlier card of a pending request counts no longer, and is not shown as if it did.
      const said = approvals.filter(
        (item) => item.request_id === row.id && (row.state !== 'pending' || item.digest === cardDigest(row)),
      );
      return buildCard(ctx, caller, {
        row,
        requester,
        asked: await asked(row),
        people,
        standIns,
        members: await Promise.all(
          (members.get(row.id) ?? []).map(async (member) => ({ ...member, asked: await asked(member) })),
        ),
        hasSeconds: lengths.get(row.extends_grant ?? '') ?? null,
        detailed: detailed && row.state === 'pending',
        approvals: said.map((item) => ({
          by: refOf(known(principals, item.principal_id)),
          onBehalfOf: item.on_behalf_of === null ? null : refOf(known(principals, item.on_behalf_of)),
          verdict: item.verdict,
          durationSeconds: item.duration_s,
          reason: item.reason,
          at: item.given_at.toISOString(),
        })),
        given: given.get(row.id) ?? [],
        seenBy: views
          .filter((view) => view.request_id === row.id)
          .map((view) => ({
            by: refOf(known(principals, view.principal_id)),
            at: view.seen_at.toISOString(),
          })),
      });
    }),
  );
}

type MemberRow = Pick<Selectable<Tables['request_members']>, 'target_id' | 'task_id' | 'outcome'>;

async function memberRowsOf(ctx: GrantsContext, ids: string[]): Promise<Map<string, MemberRow[]>> {
  const rows = await ctx.db
    .selectFrom('request_members')
    .select(['request_id', 'target_id', 'task_id', 'outcome'])
    .where('request_id', 'in', ids)
    .orderBy('place')
    .execute();
  return Map.groupBy(rows, (row) => row.request_id);
}

async function lengthsOf(ctx: GrantsContext, rows: RequestRow[]): Promise<Map<string, number>> {
  const ids = rows.flatMap((row) => row.extends_grant ?? []);
  if (ids.length === 0) return new Map();
  const found = await ctx.db
    .selectFrom('grants')
    .select(['id', 'duration_s'])
    .where('id', 'in', ids)
    .execute();
  return new Map(found.map((grant) => [grant.id, grant.duration_s]));
}

interface Parts {
  row: RequestRow;
  requester: Principal;
  asked: Asked;
  people: Principal[];
  detailed: boolean;
  approvals: Approval[];
  given: Yes[];
  standIns: StandIn[];
  /** Of a bundle; empty for a single one. */
  members: { asked: Asked; outcome: Outcome }[];
  /** Of the grant that it asks more time for. */
  hasSeconds: number | null;
  seenBy: Request['seenBy'];
}

async function buildCard(ctx: GrantsContext, caller: Caller, parts: Parts): Promise<Card> {
  const { row, requester, asked } = parts;
  const facts = factsOf(row, requester, asked);
  const all = [facts, ...parts.members.map((member) => factsOf(row, requester, member.asked))];
  const why = whyNotApprove(ctx.policies.current(), caller.principal, requester, all);
  const decided = parts.approvals.some((item) => item.by.id === caller.principal.id);
  const eligible =
    row.state === 'pending'
      ? parts.people.filter(
          (person) => whyNotApprove(ctx.policies.current(), person, requester, all) === null,
        )
      : [];
  const others = why === null ? [...eligible, caller.principal] : eligible;
  const stages = stagesOf(ctx, parts, all, others, caller.principal);
  const standsIn = stages.standIns.some((one) => one.by.id === caller.principal.id);
  const refused = standsIn ? null : why;
  const mayNot =
    row.state !== 'pending'
      ? `This request is ${row.state}.`
      : (refused ?? (decided ? 'You have approved it already.' : whyNotNow(row, stages, caller)));
  const [unusual, lastUsed] = parts.detailed
    ? await Promise.all([whatIsUnusual(ctx.db, row), lastUsedAt(ctx.db, row)])
    : [[], null];
  const obligations = row.obligations as Request['decision']['obligations'];
  return {
    mine: row.requester_id === caller.principal.id,
    decidable: refused === null,
    decided,
    request: {
      id: row.id,
      state: row.state,
      decision: { outcome: row.outcome, reasons: row.reasons as Request['decision']['reasons'], obligations },
      requester: refOf(requester),
      target: {
        name: asked.target.name,
        segment: asked.target.segment,
        environment: asked.target.environment,
        sensitivity: asked.target.sensitivity,
      },
      task: {
        name: asked.task.name,
        description: asked.task.description,
        rights: ctx.tasks.rights(asked.task).map((right) => right.words),
      },
      members: parts.members.map((member) => ({
        target: member.asked.target.name,
        segment: member.asked.target.segment,
        task: member.asked.task.name,
        rights: ctx.tasks.rights(member.asked.task).map((right) => right.words),
        outcome: member.outcome,
      })),
      startsAt: row.starts_at?.toISOString() ?? null,
      durationSeconds: row.duration_s,
      extends:
        row.extends_grant === null
          ? null
          : { grantId: row.extends_grant, hasSeconds: parts.hasSeconds ?? row.duration_s },
      approvedDurationSeconds: row.approved_duration_s,
      reason: row.reason,
      ticket: row.ticket,
      use: row.session_use,
      sourceAddress: row.source_address,
      digest: cardDigest(row),
      approvals: parts.approvals,
      stages: stages.shown,
      seenBy: parts.seenBy,
      unusual,
      lastUsedAt: lastUsed,
      createdAt: row.created_at.toISOString(),
      decidedAt: row.decided_at?.toISOString() ?? null,
      expiresAt: row.expires_at.toISOString(),
      mayApprove: mayNot === null,
      mayNot,
    },
  };
}

interface Stages {
  /** Who may approve for whom now, whatever the stage. */
  standIns: { by: Principal; absent: Principal }[];
  counted: StageState[];
  shown: Request['stages'];
}

function stagesOf(
  ctx: GrantsContext,
  parts: Parts,
  all: DecisionFacts[],
  others: Principal[],
  reader: Principal,
): Stages {
  const { row, requester, given } = parts;
  const policies = ctx.policies.current();
  const people = [...parts.people, reader];
  const standIns = parts.standIns.flatMap(({ absentId, standInId }) => {
    const [by, absent] = [
      people.find((one) => one.id === standInId),
      others.find((one) => one.id === absentId),
    ];
    if (by === undefined || absent === undefined) return [];
    return whyNotStandIn(policies, { by, absent }, requester, all) === null ? { by, absent } : [];
  });
  const [facts = factsOf(row, requester, parts.asked), ...more] = all;
  const members = more.map((one) => ({ facts: one }));
  const counted = countApprovals(policies, { row, requester, facts, members, given, others, standIns });
  const shown = stagesOnCard(counted, people, parts.standIns);
  // Who was counted then was counted for good, whatever has become of them since.
  const met = (stage: Request['stages'][number]): Request['stages'][number] => ({
    ...stage,
    state: 'met',
    given: stage.count,
    candidates: [],
    standIns: [],
  });
  return { standIns, counted: counted.stages, shown: row.state === 'approved' ? shown.map(met) : shown };
}

/** Why somebody whom policy lets approve cannot do it at this stage, or null. */
function whyNotNow(row: RequestRow, { counted }: Stages, caller: Caller): string | null {
  if (row.outcome !== 'needs-approval') return null;
  const { id } = caller.principal;
  const could = ({ candidates, standIns }: StageState) =>
    candidates.includes(id) || standIns.some((one) => one.accountId === id);
  if (counted.some((stage) => stage.state === 'open' && could(stage))) return null;
  return counted.some((stage) => stage.state === 'waiting' && stage.candidates.includes(id))
    ? 'Your stage is not open yet: others approve first.'
    : 'None of the stages that are left asks for you.';
}

function known(principals: Map<string, Principal>, id: string): Principal {
  const principal = principals.get(id);
  if (principal === undefined) throw notFound('principal', id);
  return principal;
}

async function noteSeen(ctx: GrantsContext, caller: Caller, requestId: string): Promise<void> {
  await ctx.db
    .insertInto('request_views')
    .values({ request_id: requestId, principal_id: caller.principal.id })
    .onConflict((oc) => oc.doNothing())
    .execute();
}
