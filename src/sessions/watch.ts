// Watching a session while it runs, on any replica: the watcher's row makes the replica that holds the session show it
// (show-live.ts), and this side looks twice a second whether there is something new. Who may read the recording may watch;
// that somebody does is written into the log when they begin.

import { sql } from 'kysely';
import type { Session, SessionLive, WatchQuery } from '../api/sessions.ts';
import { append } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import { shownSession } from './shown-session.ts';

const LOOK_MS = 500;
/** A watcher who has not asked for as long is gone; longer than a question may wait. */
const WATCH_S = 40;
/** Less is left: said again. */
const RENEW_S = 25;
/** Whoever comes back within this goes on with the same watch, which has its entry already. */
const SAME_WATCH_S = 120;
const MOST_WATCHERS = 20;

/** A session that the watcher may see. */
export interface Looked {
  session: Session;
  targetId: string;
}

/** `look` gives the session as its row has it, or fails once the watcher may not see it. Errors: those of `look`, `too-many-watchers`. */
export async function watchSession(
  db: Db,
  by: Caller,
  look: () => Promise<Looked>,
  query: WatchQuery,
  signal: AbortSignal,
): Promise<SessionLive> {
  const endsAt = monotonicMs() + query.wait * 1_000;
  for (;;) {
    const looked = await look();
    const { session } = looked;
    // What is over is read from its recording.
    const watchers = session.live ? await keepWatch(db, by, looked) : 0;
    const seen = await viewOf(db, session, watchers);
    const over = monotonicMs() >= endsAt || signal.aborted;
    if (over || !session.live || seen.version > query.after) return seen;
    await sleep(LOOK_MS, signal);
  }
}

/** How many watch, this one included. */
async function keepWatch(db: Db, by: Caller, { session, targetId }: Looked): Promise<number> {
  const { rows } = await sql<{ watchers: number; left_s: number | null }>`
    select count(*)::int as watchers,
      max(extract(epoch from until - now())) filter (where principal_id = ${by.principal.id})::float8 as left_s
    from session_watches where session_id = ${session.id} and until > now()`.execute(db);
  const { watchers, left_s: leftS } = rows[0] ?? { watchers: 0, left_s: null };
  if (leftS !== null && leftS > RENEW_S) return watchers;
  await db.transaction().execute(async (trx) => {
    if (leftS === null) await takePlace(trx, session.id);
    const { rows: kept } = await sql<{ begun: boolean }>`
      insert into session_watches as w (session_id, principal_id, until)
      values (${session.id}, ${by.principal.id}, now() + make_interval(secs => ${WATCH_S}))
      on conflict (session_id, principal_id) do update
      set until = excluded.until,
        since = case when w.until < now() - make_interval(secs => ${SAME_WATCH_S}) then now() else w.since end
      returning since = now() as begun`.execute(trx);
    if (kept[0]?.begun !== true) return;
    await append(trx, {
      kind: 'session.watched',
      actor: actorOf(by.principal),
      grantId: session.grantId,
      sessionId: session.id,
      targetId,
      sourceAddress: by.sourceAddress,
      detail: { principal: session.principal.name, target: session.target },
    });
  });
  return leftS === null ? watchers + 1 : watchers;
}

/** One after the other, so that the last place is not taken twice. Errors: `too-many-watchers`. */
async function takePlace(trx: Trx, sessionId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`watch ${sessionId}`}, 0))`.execute(trx);
  const { rows } = await sql<{ watchers: number }>`
    select count(*)::int as watchers from session_watches where session_id = ${sessionId} and until > now()`.execute(
    trx,
  );
  if ((rows[0]?.watchers ?? 0) < MOST_WATCHERS) return;
  throw new Failure('limit', 'too-many-watchers', `${MOST_WATCHERS} people watch this session already.`, {
    hint: 'Read its recording.',
  });
}

async function viewOf(db: Db, session: Session, watchers: number): Promise<SessionLive> {
  const { rows } = await sql<{ version: number; said_at: Date; body: string }>`
    select version, said_at, body from session_views where session_id = ${session.id}`.execute(db);
  const [view] = rows;
  const grant = await db
    .selectFrom('grants')
    .select('expires_at')
    .where('id', '=', session.grantId)
    .executeTakeFirst();
  const until = grant?.expires_at?.toISOString() ?? null;
  if (view === undefined)
    return { session, until, version: 0, saidAt: null, statements: [], paces: [], told: [], watchers };
  const { totals, ...shown } = shownSession.parse(JSON.parse(view.body));
  return {
    // The row is written more seldom while a session runs, and last when it has ended.
    session: session.live ? { ...session, ...totals } : session,
    until,
    version: view.version,
    saidAt: view.said_at.toISOString(),
    ...shown,
    watchers,
  };
}
