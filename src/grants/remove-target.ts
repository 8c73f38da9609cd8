// Taking a target out. Refused while any grant on it is not verified absent, since only with its credential can they be
// ended. What happened there stays readable under the name that the row gets; the name itself is free again. The
// credential is kept, sealed, as long as late starters are looked for, and then wiped.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import type { Caller } from './submit.ts';
import { grantState, type ObservedState, type Wanted } from './transitions.ts';

const MOST_NAMED = 10;
const LONGEST_KEPT_NAME = 46;

/** Errors: `unknown-target`, `target-has-grants` (naming them). Pending requests for it are cancelled. */
export async function removeTarget(
  ctx: GrantsContext,
  caller: Caller,
  name: string,
  reason: string,
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const target = await trx
      .selectFrom('targets')
      .select(['id', 'name', 'segment'])
      .where('name', '=', name)
      .where('removed_at', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    if (target === undefined) throw notFound('target', name);
    await refuseWithGrants(trx, target);
    await cancelRequests(trx, caller, target.id, reason);
    const kept = `${target.name.slice(0, LONGEST_KEPT_NAME)}-removed-${target.id.slice(-6)}`;
    await trx
      .updateTable('targets')
      .set({ removed_at: sql<Date>`now()`, name: kept, version: sql`version + 1` })
      .where('id', '=', target.id)
      .execute();
    await append(trx, {
      kind: 'target.removed',
      actor: actorOf(caller.principal),
      targetId: target.id,
      sourceAddress: caller.sourceAddress,
      detail: { target: target.name, segment: target.segment, nameNow: kept, reason },
    });
    await publish(trx, { topic: 'targets', id: target.id });
  });
}

async function refuseWithGrants(trx: Trx, target: { id: string; name: string }): Promise<void> {
  const rows = await trx
    .selectFrom('grants as g')
    .innerJoin('principals as p', 'p.id', 'g.principal_id')
    .select(['g.id', 'p.name as principal', 'g.wanted', 'g.observed'])
    .select((eb) => eb.fn.countAll<number>().over().as('all'))
    .where('g.target_id', '=', target.id)
    .where((eb) => eb.or([eb('g.wanted', '=', 'present'), eb('g.observed', '!=', 'absent')]))
    .orderBy('g.id')
    .limit(MOST_NAMED)
    .execute();
  const [first] = rows;
  if (first === undefined) return;
  const state = (row: { wanted: Wanted; observed: ObservedState }) => grantState(row);
  throw conflict(
    'target-has-grants',
    `${first.all} ${first.all === 1 ? 'grant' : 'grants'} on ${target.name} ${first.all === 1 ? 'is' : 'are'} not verified absent: ${rows.map((row) => `${row.id} of ${row.principal} (${state(row)})`).join(', ')}${first.all > rows.length ? ', …' : ''}.`,
    {
      hint: `End them first: \`sally kill target ${target.name}\` ends all of them and waits.`,
      facts: { grants: rows.map((row) => row.id), count: first.all },
    },
  );
}

async function cancelRequests(trx: Trx, caller: Caller, targetId: string, reason: string): Promise<void> {
  const cancelled = await trx
    .updateTable('requests')
    .set({ state: 'cancelled', decided_at: sql<Date>`now()`, version: sql`version + 1` })
    .where((eb) =>
      eb.or([
        eb('target_id', '=', targetId),
        eb(
          'id',
          'in',
          eb.selectFrom('request_members').select('request_id').where('target_id', '=', targetId),
        ),
      ]),
    )
    .where('state', '=', 'pending')
    .returning('id')
    .execute();
  for (const { id } of cancelled) {
    await append(trx, {
      kind: 'request.cancelled',
      actor: actorOf(caller.principal),
      requestId: id,
      targetId,
      sourceAddress: caller.sourceAddress,
      detail: { reason: `The target was removed: ${reason}` },
    });
    await publish(trx, { topic: 'requests', id });
  }
}

/** Once nothing is looked for there any more. */
export async function wipeRemoved(db: Db, afterSeconds: number): Promise<void> {
  await db
    .updateTable('targets')
    .set({ credential: Buffer.alloc(0) })
    .where('removed_at', '<', sql<Date>`now() - make_interval(secs => ${afterSeconds})`)
    .where(sql<boolean>`length(credential) > 0`)
    .execute();
}
