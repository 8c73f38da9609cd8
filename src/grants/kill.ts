// The kill switch: one row says that a scope is stopped. Everything that follows (sessions cut, grants ended, requests
// cancelled) is found from that row by kill-sweep.ts, so that it goes on after a crash and pressing twice is once.
// Lifting it is an act of its own, by an administrator.

import { sql } from 'kysely';
import type { KillBody } from '../api/kills.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf, principalByName } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import { killsInForce, MOST_KILLS } from './kill-scope.ts';
import { ownsScope } from './owners.ts';
import { mayAdminister } from './platform-rights.ts';
import type { Caller } from './submit.ts';

type Scope = { principal_id?: string; target_id?: string; segment?: string };

/**
 * The id of the one that is in force now, made by this call or before it. Who may: administrators, and for a target or
 * segment whoever owns it or a segment above it.
 * Errors: `may-not-kill`, `invalid-input` (confirm), `unknown-principal`, `unknown-target`, `unknown-segment`.
 */
export async function killSwitch(ctx: GrantsContext, caller: Caller, body: KillBody): Promise<string> {
  await refuseUnlessMay(ctx, caller, body);
  if (body.confirm !== body.name)
    throw invalid('confirm', `Type exactly "${body.name}" to confirm.`, 'Nothing was stopped.');
  const scope = await scopeOf(ctx.db, body);
  return ctx.db.transaction().execute(async (trx) => {
    const id = newId('kill');
    const made = await trx
      .insertInto('kills')
      .values({
        id,
        scope: body.scope,
        name: body.name,
        reason: body.reason,
        killed_by: caller.principal.id,
        ...scope,
      })
      .onConflict((oc) => oc.columns(['scope', 'name']).where('lifted_at', 'is', null).doNothing())
      .returning('id')
      .executeTakeFirst();
    const inForce = await killsInForce(trx);
    if (made === undefined) {
      const there = inForce.find((kill) => kill.scope === body.scope && kill.name === body.name);
      if (there === undefined) throw conflict('kill-lifted', 'It was lifted just now; look again.');
      return there.id;
    }
    if (inForce.length >= MOST_KILLS)
      throw new Failure('limit', 'too-many-kills', `${MOST_KILLS} kill switches are in force already.`, {
        hint: 'Stop everything, or lift those that are over.',
      });
    await append(trx, {
      kind: 'kill.set',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      ...(scope.target_id === undefined ? {} : { targetId: scope.target_id }),
      detail: { killId: id, scope: body.scope, name: body.name, reason: body.reason },
    });
    await publish(trx, { topic: 'kills', id });
    return id;
  });
}

/** Errors: `unknown-kill`, `kill-lifted`. What it ended stays ended; new requests are possible again. */
export async function liftKill(
  ctx: GrantsContext,
  caller: Caller,
  killId: string,
  reason: string,
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('kills')
      .selectAll()
      .where('id', '=', killId)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw notFound('kill', killId);
    if (row.lifted_at !== null) throw conflict('kill-lifted', 'This kill switch has been lifted already.');
    await trx
      .updateTable('kills')
      .set({ lifted_at: sql<Date>`now()`, lifted_by: caller.principal.id, lift_reason: reason })
      .where('id', '=', killId)
      .execute();
    await append(trx, {
      kind: 'kill.lifted',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      ...(row.target_id === null ? {} : { targetId: row.target_id }),
      detail: { killId, scope: row.scope, name: row.name, reason },
    });
    await publish(trx, { topic: 'kills', id: killId });
  });
}

async function refuseUnlessMay(ctx: GrantsContext, caller: Caller, body: KillBody): Promise<void> {
  if (mayAdminister(ctx, caller)) return;
  if (await ownsScope(ctx.db, caller, body)) return;
  throw new Failure('denied', 'may-not-kill', 'You may not stop this.', {
    hint: 'Administrators may, and for a target or segment the group that owns it or a segment above it.',
  });
}

async function scopeOf(db: Db | Trx, body: KillBody): Promise<Scope> {
  switch (body.scope) {
    case 'everything':
      return {};
    case 'person':
      return { principal_id: (await principalByName(db, body.name)).id };
    case 'target': {
      const row = await db
        .selectFrom('targets')
        .select('id')
        .where('name', '=', body.name)
        .where('removed_at', 'is', null)
        .executeTakeFirst();
      if (row === undefined) throw notFound('target', body.name);
      return { target_id: row.id };
    }
    case 'segment': {
      const row = await db
        .selectFrom('segments')
        .select('path')
        .where('path', '=', body.name)
        .executeTakeFirst();
      if (row === undefined) throw notFound('segment', body.name);
      return { segment: row.path };
    }
  }
}
