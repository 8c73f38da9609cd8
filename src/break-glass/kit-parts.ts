// What holders carry away: the sealed file, and each their own share, shown once and kept nowhere afterwards.

import { sql } from 'kysely';
import type { KitShare } from '../api/kits.ts';
import { append } from '../audit/append.ts';
import { conflict, type Failure, notFound } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import { requireOwnWayIn } from '../identity/sign-in-context.ts';
import { type KitFile, readKitFile } from './kit-file/kit-file.ts';
import { shareContext } from './kit-rows.ts';

/** The sealed file, for its holders and for administrators. Errors: `unknown-kit`, `kit-not-ready`. */
export async function takeKitFile(ctx: GrantsContext, caller: Caller, id: string): Promise<KitFile> {
  const kit = await visible(ctx, caller, id);
  if (kit.file === null) throw notReady();
  await ctx.db.transaction().execute((trx) =>
    append(trx, {
      kind: 'kit.file-taken',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { kitId: id, segment: kit.segment, generation: kit.file_generation },
    }),
  );
  return readKitFile(JSON.stringify(kit.file));
}

/**
 * The caller's own share, once. Errors: `unknown-kit` for who holds none, `handed-out`, `kit-not-ready`, `share-taken`.
 */
export async function takeShare(ctx: GrantsContext, caller: Caller, id: string): Promise<KitShare> {
  return ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('kit_holders as h')
      .innerJoin('kits as k', (join) =>
        join.onRef('k.id', '=', 'h.kit_id').onRef('k.generation', '=', 'h.generation'),
      )
      .select([
        'h.place',
        'h.share',
        'h.taken_at',
        'h.generation',
        'k.segment',
        'k.quorum',
        'k.file_generation',
      ])
      .where('h.kit_id', '=', id)
      .where('h.principal_id', '=', caller.principal.id)
      .where('k.state', 'in', ['making', 'ready'])
      .forUpdate('h')
      .executeTakeFirst();
    if (row === undefined) throw notFound('kit', id);
    // Whoever hands out tokens for a quorum of holders would have the whole kit in one hand.
    requireOwnWayIn(caller.handedBy, 'A share is for its holder alone.');
    if (row.taken_at !== null) {
      throw conflict('share-taken', 'Your share was shown already; it is shown once and kept nowhere.', {
        hint: 'If it is lost, have an administrator rotate the kit.',
      });
    }
    if (row.share === null || row.file_generation !== row.generation) throw notReady();
    const { place, generation, segment, quorum } = row;
    const share = ctx.masterKey.open(row.share, shareContext(id, generation, place)).reveal();
    await trx
      .updateTable('kit_holders')
      .set({ share: null, taken_at: sql<Date>`now()` })
      .where('kit_id', '=', id)
      .where('generation', '=', generation)
      .where('place', '=', place)
      .execute();
    await trx.updateTable('kits').set({ checked_at: null }).where('id', '=', id).execute();
    await append(trx, {
      kind: 'kit.share-taken',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { kitId: id, segment, generation, place },
    });
    await publish(trx, { topic: 'break-glass', id });
    return { kitId: id, segment, generation, place, quorum, share };
  });
}

function notReady(): Failure {
  return conflict('kit-not-ready', 'This kit is still being made.', {
    hint: '`sally break-glass kit list` shows which target it waits for.',
  });
}

async function visible(ctx: GrantsContext, caller: Caller, id: string) {
  const kit = await ctx.db.selectFrom('kits').selectAll().where('id', '=', id).executeTakeFirst();
  if (kit === undefined) throw notFound('kit', id);
  if (seesEverything(ctx, caller)) return kit;
  const held = await ctx.db
    .selectFrom('kit_holders')
    .select('place')
    .where('kit_id', '=', id)
    .where('generation', '=', kit.generation)
    .where('principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (held === undefined) throw notFound('kit', id);
  return kit;
}
