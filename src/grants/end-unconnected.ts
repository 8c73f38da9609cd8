// An open session is asked `connect` again when what that rests on has changed: policies, who holds the grant, on call,
// target and task, the time, from the address of the session's own socket. It ends when policy would not let it in any
// more; the grant lives on where it is still permitted, and a new session is then asked for itself. Found by looking each
// second, as live grants are; the gateway cuts as for anybody who ends a session.

import { sql } from 'kysely';
import { SYSTEM_ACTOR } from '../audit/append.ts';
import { controlWords } from '../base/control-words.ts';
import { messageOf } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { mergeSessionControls, type SessionControls } from '../policy/engine/session-controls.ts';
import { askToEnd } from './ask-to-end.ts';
import { type Basis, basisNow, forgetOthers, liveGrantsChoice, type Seen } from './basis.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts } from './facts.ts';
import { letIn } from './let-in.ts';
import { whatChanged } from './what-changed.ts';

const EVERY_MS = 1_000;
const BATCH = 500;
/** It goes to the client in one message. */
const LONGEST_REASON = 1_000;

export function createSessionWatch(ctx: GrantsContext): Repeating {
  const seen: Seen = new Map();
  return repeat(ctx, 'open sessions asked again', EVERY_MS, async () => {
    await endUnconnected(ctx, seen);
    await endOutdatedMasks(ctx.db);
    return undefined;
  });
}

/**
 * How many were asked to end; null when this process does not hold the set in force yet. Without `seen` all are decided.
 * Errors: the store's; what was ended before one stays ended.
 */
export async function endUnconnected(ctx: GrantsContext, seen: Seen = new Map()): Promise<number | null> {
  const policies = ctx.policies.current();
  const open = await openSessions(ctx.db).execute();
  forgetOthers(
    seen,
    open.map((session) => session.id),
  );
  if (open.length === 0) return 0;
  const choice = await liveGrantsChoice(ctx, policies);
  if (choice === null) return null;
  const basisOf = await basisNow(ctx, policies, open, ['connect', 'breakGlass']);
  const changed = open.flatMap((session) => {
    const basis = basisOf(session);
    return basis === null || seen.get(session.id)?.text === basis.text
      ? []
      : [[session.id, basis] as [string, Basis]];
  });
  let ended = 0;
  for (let at = 0; at < changed.length; at += BATCH) {
    const batch = new Map(changed.slice(at, at + BATCH));
    for (const session of await readOpenSessions(ctx.db, [...batch.keys()])) {
      const basis = batch.get(session.id);
      if (basis === undefined) continue;
      try {
        const why = whyNotConnected(session, basis, seen.get(session.id), choice);
        if (why === null) seen.set(session.id, basis);
        else if (await endOne(ctx.db, session, why)) ended++;
      } catch (error) {
        ctx.log.error(
          { session: session.id, reason: messageOf(error) },
          'a session could not be asked again',
        );
      }
    }
  }
  return ended;
}

/** Sessions whose target's labels have changed since they began: their mask does not know. Errors: the store's. */
async function endOutdatedMasks(db: Db): Promise<void> {
  const rows = await db
    .selectFrom('sessions as s')
    .innerJoin('targets as t', 't.id', 's.target_id')
    .select(['s.id', 's.grant_id', 's.target_id'])
    .where('s.ended_at', 'is', null)
    .where('s.ending', 'is', null)
    .whereRef('s.label_version', '<>', 't.label_version')
    .limit(BATCH)
    .execute();
  for (const session of rows)
    await endOne(db, session, 'columns were labelled since it began. Connect again.');
}

function openSessions(db: Db) {
  return db
    .selectFrom('sessions as s')
    .innerJoin('grants as g', 'g.id', 's.grant_id')
    .select(['s.id', 's.principal_id', 's.target_id', 's.task_id', 'g.duration_s'])
    .select((eb) => eb.val<Date | null>(null).as('starts_at'))
    .where('s.ended_at', 'is', null)
    .where('s.ending', 'is', null)
    .where('g.wanted', '=', 'present');
}

type OpenSession = Awaited<ReturnType<typeof readOpenSessions>>[number];

/** Those of `ids` that are open, with the facts that let them in: written in the transaction that made the session. */
function readOpenSessions(db: Db, ids: string[]) {
  return openSessions(db)
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select(['s.grant_id', 's.client_address', 's.masked', 's.controls', 'r.reason', 'r.ticket'])
    .select(sql<boolean>`exists (select from reviews v where v.grant_id = g.id)`.as('break_glass'))
    .select((eb) =>
      eb
        .selectFrom('decisions as d')
        .select('d.facts')
        .whereRef('d.request_id', '=', 'r.id')
        .whereRef('d.grant_id', '=', 's.grant_id')
        .whereRef('d.decided_at', '=', 's.started_at')
        .where('d.action', 'in', ['connect', 'breakGlass'])
        .limit(1)
        .as('facts'),
    )
    .where('s.id', 'in', ids)
    .execute();
}

/** How long a recording is kept was fixed when the session opened, and is nothing that a new session would change. */
const wordsOfUse = (controls: SessionControls) =>
  controlWords({ ...controls, keepRecordingSeconds: undefined });

/** For the person, or null when it would be let in now. */
function whyNotConnected(
  session: OpenSession,
  basis: Basis,
  before: Basis | undefined,
  choice: 'end' | 'run-out',
): string | null {
  const opened = session.facts as DecisionFacts | null;
  const facts = decisionFacts(basis.principal, basis.asked, {
    sourceAddress: session.client_address,
    durationSeconds: session.duration_s,
    reason: session.reason,
    ticket: session.ticket,
    // How fresh the passkey was is a fact of the opening; it does not grow old with the session.
    mfaAgeSeconds: opened?.context.mfaAgeSeconds ?? null,
  });
  const { verdict } = letIn(basis.policies, facts, session.break_glass);
  const wantsPasskey =
    verdict.obligations.stepUp === 'passkey' && opened !== null && opened.context.mfaAgeSeconds === null;
  const shown = verdict.obligations.mask.filter((name) => !session.masked.includes(name));
  if (verdict.allowed && shown.length > 0) return `policy masks ${shown.join(', ')} now. Connect again.`;
  const held = session.controls as SessionControls;
  const now = wordsOfUse(mergeSessionControls([held, verdict.obligations]));
  if (verdict.allowed && now.join() !== wordsOfUse(held).join())
    return `policy holds sessions to more now: ${now.join(', ')}. Connect again.`;
  if (verdict.allowed && !wantsPasskey) return null;
  const changes = opened === null ? [] : whatChanged(opened, facts);
  const policyChanged =
    before === undefined ? changes.length === 0 : before.policies.digest !== basis.policies.digest;
  const forbidden = !verdict.allowed && verdict.reasons.some((reason) => reason.effect === 'forbid');
  if (policyChanged && !forbidden && choice === 'run-out') return null;
  const why = verdict.allowed
    ? 'it asks for a passkey now, and none was used for this session.'
    : verdict.reasons.map((item) => item.text).join(' ');
  const since = changes.length === 0 ? '' : ` (Since it was opened, ${changes.join('; ')}.)`;
  return `policy does not let it go on: ${why}${since}`.slice(0, LONGEST_REASON);
}

async function endOne(
  db: Db,
  session: Pick<OpenSession, 'id' | 'grant_id' | 'target_id'>,
  reason: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('sessions')
      .select('id')
      .where('id', '=', session.id)
      .where('ended_at', 'is', null)
      .where('ending', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) return false;
    await askToEnd(trx, {
      sessionId: session.id,
      grantId: session.grant_id,
      targetId: session.target_id,
      reason,
      actor: SYSTEM_ACTOR,
    });
    return true;
  });
}
