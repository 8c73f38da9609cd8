// Statements that wait, as their card shows them, and who may look and decide: their own principal and whoever sees
// everything look; whoever policy lets approve for the target decides.

import { type Selectable, sql } from 'kysely';
import type { z } from 'zod';
import type { StatementCard, statementQuery } from '../api/statements.ts';
import { notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { type StandIn, standInsNow } from '../identity/delegations.ts';
import {
  activePeople,
  onCallAt,
  type Principal,
  principalById,
  principalFrom,
  principalsById,
  refOf,
  selectPrincipals,
} from '../identity/principals.ts';
import { circumstancesOf, type RequestRow } from './approve.ts';
import type { GrantsContext } from './context.ts';
import {
  type Circumstances,
  type Counted,
  type Counting,
  countApprovals,
  type Yes,
} from './count-approvals.ts';
import { type Asked, decisionFacts, loadAsked } from './facts.ts';
import { seesEverything } from './platform-rights.ts';
import { stagesOnCard } from './quorum.ts';
import type { Caller } from './submit.ts';
import { whyNotApprove, whyNotStandIn } from './visibility.ts';

type Row = Selectable<Tables['statement_requests']>;

export interface OpenStatement {
  row: Row;
  late: boolean;
  request: RequestRow;
  grantId: string;
  targetId: string;
  requester: Principal;
  asked: Asked;
  /** For `countApprovals`, without who said what. */
  counting: Omit<Counting, 'given' | 'others'>;
}

/** As many people as a card may have to look through. */
const MOST_PEOPLE = 5_000;

export async function loadStatement(db: Db | Trx, id: string): Promise<OpenStatement | null> {
  const row = await db.selectFrom('statement_requests').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const session = await db
    .selectFrom('sessions')
    .select(['grant_id', 'principal_id', 'target_id', 'task_id'])
    .select(sql<boolean>`${row.expires_at}::timestamptz <= now()`.as('late'))
    .where('id', '=', row.session_id)
    .executeTakeFirstOrThrow();
  const request = await db
    .selectFrom('requests')
    .selectAll()
    .where('id', '=', (eb) => eb.selectFrom('grants').select('request_id').where('id', '=', session.grant_id))
    .executeTakeFirstOrThrow();
  const requester = await principalById(db, session.principal_id);
  const asked = await loadAsked(db, { targetId: session.target_id, taskId: session.task_id });
  return {
    row,
    late: session.late,
    request,
    grantId: session.grant_id,
    targetId: session.target_id,
    requester,
    asked,
    counting: {
      row: {
        id: row.id,
        digest: row.digest,
        outcome: 'needs-approval',
        obligations: { approvals: row.stages },
        created_at: row.created_at,
      },
      requester,
      facts: decisionFacts(requester, asked, circumstancesOf(request)),
    },
  };
}

/** Each yes to the statement as it is, in order. */
export async function votesOn(db: Db | Trx, { id, digest }: Pick<Row, 'id' | 'digest'>): Promise<Yes[]> {
  const rows = await selectPrincipals(db)
    .innerJoin('statement_approvals as a', 'a.principal_id', 'p.id')
    .select(['a.given_at', 'a.circumstances'])
    .select(onCallAt('a.given_at').as('on_call_then'))
    .where('a.statement_id', '=', id)
    .where('a.digest', '=', digest)
    .orderBy('a.given_at')
    .execute();
  const said = rows.map((row) => row.circumstances as Circumstances);
  const others = await principalsById(db, [
    ...new Set(said.flatMap((one) => [...(one.handedBy ?? []), one.onBehalfOf ?? []].flat())),
  ]);
  return rows.map((row, index) => {
    const circumstances = said[index] ?? null;
    const handedBy = circumstances?.handedBy ?? [];
    return {
      accountId: row.id,
      atMs: row.given_at.getTime(),
      forId: circumstances?.onBehalfOf,
      onBehalfOf: others.get(circumstances?.onBehalfOf ?? '') ?? null,
      handedBy,
      handers: handedBy.flatMap((one) => others.get(one) ?? []),
      by: { ...principalFrom(row), onCallFor: row.on_call_then },
      circumstances,
      durationSeconds: null,
    };
  });
}

/** For the caller, or null when they may decide. */
export function whyNotDecide(
  ctx: Pick<GrantsContext, 'policies'>,
  caller: Caller,
  open: OpenStatement,
): string | null {
  const { principal, sourceAddress, mfaAgeSeconds } = caller;
  const { requester, counting } = open;
  return whyNotApprove(
    ctx.policies.current(),
    principal,
    requester,
    counting.facts,
    sourceAddress,
    mfaAgeSeconds,
  );
}

export interface Deciders {
  given: Yes[];
  counted: Counted;
  /** Everybody whom the stages may name. */
  people: Principal[];
  running: StandIn[];
  /** Who stands in now for somebody whom policy names, whatever the stage. */
  standIns: { by: Principal; absent: Principal }[];
}

/** Who has said yes, and who could now. */
export async function decidersOf(
  ctx: Pick<GrantsContext, 'policies'>,
  db: Db | Trx,
  { row, requester, counting }: OpenStatement,
): Promise<Deciders> {
  // One after the other: a transaction has one connection.
  const given = await votesOn(db, row);
  const people = await activePeople(db, MOST_PEOPLE);
  const running = await standInsNow(db);
  const policies = ctx.policies.current();
  const others = people.filter((one) => whyNotApprove(policies, one, requester, counting.facts) === null);
  const byId = new Map(people.map((one) => [one.id, one]));
  const approvers = new Map(others.map((one) => [one.id, one]));
  const standIns = running.flatMap(({ absentId, standInId }) => {
    const [by, absent] = [byId.get(standInId), approvers.get(absentId)];
    if (by === undefined || absent === undefined) return [];
    return whyNotStandIn(policies, { by, absent }, requester, counting.facts) === null ? { by, absent } : [];
  });
  return {
    given,
    counted: countApprovals(policies, { ...counting, given, others, standIns }),
    people,
    running,
    standIns,
  };
}

/** Accounts whose yes would fill a place now. */
export function whoCouldNow({ counted }: Pick<Deciders, 'counted'>): Set<string> {
  const now = counted.stages.find((stage) => stage.state === 'open');
  return new Set([...(now?.candidates ?? []), ...(now?.standIns ?? []).map((one) => one.accountId)]);
}

export function sees(ctx: GrantsContext, caller: Caller, open: OpenStatement): boolean {
  const { id } = caller.principal;
  return (
    id === open.requester.id ||
    caller.principal.samePersonAs === open.requester.id ||
    seesEverything(ctx, caller)
  );
}

/** Errors: `unknown-statement`, also for one that the caller may not see. */
export async function viewStatement(ctx: GrantsContext, caller: Caller, id: string): Promise<StatementCard> {
  const open = await loadStatement(ctx.db, id);
  if (open === null) throw notFound('statement', id);
  const { card, decidable } = await cardOf(ctx, caller, open);
  if (!(decidable || sees(ctx, caller, open))) throw notFound('statement', id);
  return card;
}

/** Newest first. */
export async function listStatements(
  ctx: GrantsContext,
  caller: Caller,
  query: z.infer<typeof statementQuery>,
): Promise<{ items: StatementCard[]; nextCursor: string | null }> {
  const rows = await ctx.db
    .selectFrom('statement_requests')
    .select('id')
    .$if(query.view === 'approvals', (q) =>
      q.where('state', '=', 'waiting').where('expires_at', '>', sql<Date>`now()`),
    )
    .$if(query.state !== undefined, (q) => q.where('state', '=', query.state ?? 'waiting'))
    .$if(query.cursor !== undefined, (q) => q.where('id', '<', query.cursor ?? ''))
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const items: StatementCard[] = [];
  const shown = rows.slice(0, query.limit);
  const standsIn = (await standInsNow(ctx.db, caller.principal.id)).length > 0;
  for (const { id } of shown) {
    const open = await loadStatement(ctx.db, id);
    if (open === null) continue;
    // Most are of no concern to most: counting is for those that may be shown.
    const why = whyNotDecide(ctx, { ...caller, mfaAgeSeconds: 0 }, open);
    if (why !== null && !standsIn && (query.view === 'approvals' || !sees(ctx, caller, open))) continue;
    const { card, decidable } = await cardOf(ctx, caller, open);
    const wanted = query.view === 'approvals' ? card.mayApprove : decidable || sees(ctx, caller, open);
    if (wanted) items.push(card);
  }
  return { items, nextCursor: rows.length > query.limit ? (shown.at(-1)?.id ?? null) : null };
}

async function cardOf(
  ctx: GrantsContext,
  caller: Caller,
  open: OpenStatement,
): Promise<{ card: StatementCard; decidable: boolean }> {
  const { row, late, request, requester, asked } = open;
  const [deciders, decider] = await Promise.all([
    decidersOf(ctx, ctx.db, open),
    row.decided_by === null ? null : principalById(ctx.db, row.decided_by),
  ]);
  const why = whyNotDecide(ctx, { ...caller, mfaAgeSeconds: 0 }, open);
  const decidable = why === null || deciders.standIns.some((one) => one.by.id === caller.principal.id);
  const waits = row.state === 'waiting' && !late;
  const mayApprove = waits && decidable && whoCouldNow(deciders).has(caller.principal.id);
  const said = deciders.given.some((yes) => yes.accountId === caller.principal.id);
  const card: StatementCard = {
    id: row.id,
    state: row.state === 'waiting' && late ? 'expired' : row.state,
    principal: refOf(requester),
    sessionId: row.session_id,
    grantId: open.grantId,
    requestId: request.id,
    target: asked.target.name,
    segment: asked.target.segment,
    task: asked.task.name,
    purpose: request.reason,
    text: row.text,
    parameters: row.parameters,
    digest: row.digest,
    estimate: row.estimate,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: decider === null ? null : refOf(decider),
    reason: row.reason,
    approvals: deciders.given.map((yes) => ({
      by: refOf(yes.by),
      onBehalfOf: yes.onBehalfOf === null ? null : refOf(yes.onBehalfOf),
      verdict: 'approve' as const,
      durationSeconds: null,
      reason: null,
      at: new Date(yes.atMs).toISOString(),
    })),
    stages: stagesOnCard(deciders.counted, deciders.people, deciders.running),
    mayApprove,
    mayNot:
      !waits || mayApprove
        ? null
        : said
          ? 'You have approved it already; it waits for others.'
          : ((decidable ? null : why) ?? 'Your approval would not count now.'),
  };
  return { card, decidable };
}
