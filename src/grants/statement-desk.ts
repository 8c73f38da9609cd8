// Where statements wait for a yes. A gateway asks and waits; whoever may approve decides, on any replica; the gateway
// hears of it by an event, or finds it by looking. A yes is for exactly one text with exactly these values, and is used
// up in the same step in which the gateway learns of it, so it never runs two.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { Failure, messageOf } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { publish } from '../events/events.ts';
import { actorOf, principalById } from '../identity/principals.ts';
import { settleNotices } from '../notices/notices.ts';
import type { ApprovalStage, Obligations } from '../policy/engine/facts.ts';
import type { SessionControls } from '../policy/engine/session-controls.ts';
import type { GrantsContext } from './context.ts';
import type { AskedStatement, StatementDesk, StatementVerdict } from './session-ticket.ts';
import { decidersOf, loadStatement, whoCouldNow } from './statement-view.ts';
import { tellOfStatement } from './tell-of-statement.ts';

export const STATEMENT_WAIT_MS = 600_000;
/** Of one session at a time there is one; this bounds those that a grant's sessions pile up. */
const MOST_WAITING_OF_A_GRANT = 20;
const LOOK_MS = 1_000;

/** Once it is decided: where recordings do not keep values, nor does the card. */
export const FORGOTTEN = {
  text: sql<string>`case when (select s.controls->>'literals' from sessions s where s.id = session_id) is null
    then text else '(not kept: policy keeps no values)' end`,
  parameters: sql<string>`case when (select s.controls->>'literals' from sessions s where s.id = session_id) is null
    then parameters else '[]'::jsonb end`,
  estimate: sql<string>`case when (select s.controls->>'literals' from sessions s where s.id = session_id) is null
    then estimate end`,
};

type DeskContext = Pick<GrantsContext, 'db' | 'events' | 'log' | 'publicUrl' | 'policies'>;

/** `waitMs`: how long a statement waits at most. */
export function createStatementDesk(ctx: DeskContext, waitMs = STATEMENT_WAIT_MS): StatementDesk {
  return {
    ask: (asked) => ask(ctx, asked, waitMs),

    async decided(id, digest, signal) {
      for (;;) {
        // Before the look, so that what is decided in between is heard.
        const heard = ctx.events.next(
          (event) => event.topic === 'requests' && event.id === id,
          LOOK_MS,
          signal,
        );
        const verdict = await take(ctx, id, digest);
        if (verdict !== null) return verdict;
        await heard;
        signal.throwIfAborted();
      }
    },

    async withdraw(id, why) {
      try {
        await lapse(ctx, id, 'withdrawn', why);
      } catch (error) {
        ctx.log.warn({ statement: id, reason: messageOf(error) }, 'a statement could not be withdrawn');
      }
    },
  };
}

async function ask(
  ctx: DeskContext,
  asked: AskedStatement,
  waitMs: number,
): ReturnType<StatementDesk['ask']> {
  const session = await ctx.db
    .selectFrom('sessions as s')
    .innerJoin('grants as g', 'g.id', 's.grant_id')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select(['s.grant_id', 's.target_id', 's.principal_id', 's.controls', 'g.request_id', 'r.obligations'])
    .where('s.id', '=', asked.sessionId)
    .executeTakeFirstOrThrow();
  const { approveStatements } = session.controls as SessionControls;
  const own: ApprovalStage[] = approveStatements?.by ?? [];
  const stages = own.length > 0 ? own : (session.obligations as Obligations).approvals;
  if (stages.length === 0)
    throw new Failure('denied', 'nobody-approves', 'Policy names nobody who could approve this statement.');
  const principal = await principalById(ctx.db, session.principal_id);
  const id = newId('statement');
  await ctx.db.transaction().execute(async (trx) => {
    const { count } = await trx
      .selectFrom('statement_requests as t')
      .innerJoin('sessions as s', 's.id', 't.session_id')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('s.grant_id', '=', session.grant_id)
      .where('t.state', '=', 'waiting')
      .executeTakeFirstOrThrow();
    if (count >= MOST_WAITING_OF_A_GRANT)
      throw new Failure('limit', 'too-many-waiting', `${count} statements of this grant wait already.`);
    await trx
      .insertInto('statement_requests')
      .values({
        id,
        session_id: asked.sessionId,
        text: asked.text,
        parameters: JSON.stringify(asked.parameters),
        digest: asked.digest,
        estimate: asked.estimate,
        stages: JSON.stringify(stages),
        state: 'waiting',
        expires_at: sql<Date>`now() + make_interval(secs => ${waitMs / 1000})`,
      })
      .execute();
    await append(trx, {
      kind: 'statement.asked',
      actor: actorOf(principal),
      requestId: session.request_id,
      grantId: session.grant_id,
      sessionId: asked.sessionId,
      targetId: session.target_id,
      detail: { statement: id, digest: asked.digest },
    });
    await publish(trx, { topic: 'requests', id });
    const open = await loadStatement(trx, id);
    if (open !== null) await tellOfStatement(trx, open, [...whoCouldNow(await decidersOf(ctx, trx, open))]);
  });
  const who = stages.map(({ count, from }) => `${count} of ${from}`).join(', then ');
  return { id, link: `${ctx.publicUrl()}/statements/${id}`, who, waitMs };
}

/** Null while nothing is decided. What is approved is used from now on, once. */
async function take(ctx: DeskContext, id: string, digest: string): Promise<StatementVerdict | null> {
  const row = await ctx.db
    .selectFrom('statement_requests as t')
    .leftJoin('principals as p', 'p.id', 't.decided_by')
    .select(['t.state', 't.reason', 't.digest', 'p.display_name'])
    .select(sql<boolean>`t.expires_at <= now()`.as('late'))
    .where('t.id', '=', id)
    .executeTakeFirstOrThrow();
  switch (row.state) {
    case 'approved':
      return row.digest === digest && (await use(ctx, id, digest))
        ? { verdict: 'approved' }
        : { verdict: 'expired' };
    case 'denied':
      return { verdict: 'denied', by: row.display_name ?? 'somebody', reason: row.reason ?? '' };
    case 'waiting':
      if (!row.late) return null;
      // A yes in this very moment is found by the next look.
      return (await lapse(ctx, id, 'expired', 'nobody decided in time')) ? { verdict: 'expired' } : null;
    default:
      return { verdict: 'expired' };
  }
}

async function use(ctx: DeskContext, id: string, digest: string): Promise<boolean> {
  return ctx.db.transaction().execute(async (trx) => {
    const used = await trx
      .updateTable('statement_requests')
      .set({ state: 'used', ...FORGOTTEN })
      .where('id', '=', id)
      .where('state', '=', 'approved')
      .where('digest', '=', digest)
      .returning('session_id')
      .executeTakeFirst();
    if (used === undefined) return false;
    const session = await sessionOf(ctx, used.session_id);
    await append(trx, {
      kind: 'statement.run',
      actor: actorOf(session.principal),
      grantId: session.grant_id,
      sessionId: used.session_id,
      targetId: session.target_id,
      detail: { statement: id, digest },
    });
    return true;
  });
}

/** False when it was decided before. */
async function lapse(
  ctx: DeskContext,
  id: string,
  state: 'expired' | 'withdrawn',
  why: string,
): Promise<boolean> {
  return ctx.db.transaction().execute(async (trx) => {
    const lapsed = await trx
      .updateTable('statement_requests')
      .set({ state, reason: why, decided_at: sql<Date>`now()`, ...FORGOTTEN })
      .where('id', '=', id)
      .where('state', 'in', state === 'expired' ? ['waiting'] : ['waiting', 'approved'])
      .returning('session_id')
      .executeTakeFirst();
    if (lapsed === undefined) return false;
    await settleNotices(trx, 'statement', id);
    const session = await sessionOf(ctx, lapsed.session_id);
    await append(trx, {
      kind: 'statement.lapsed',
      actor: state === 'withdrawn' ? actorOf(session.principal) : SYSTEM_ACTOR,
      grantId: session.grant_id,
      sessionId: lapsed.session_id,
      targetId: session.target_id,
      detail: { statement: id, why },
    });
    await publish(trx, { topic: 'requests', id });
    return true;
  });
}

async function sessionOf(ctx: DeskContext, sessionId: string) {
  const row = await ctx.db
    .selectFrom('sessions')
    .select(['grant_id', 'target_id', 'principal_id'])
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow();
  return { ...row, principal: await principalById(ctx.db, row.principal_id) };
}
