// A directory switches its people off and on. Off is at once: no token is worth anything, and every one is revoked, so
// that switching on again brings none back; grants and sessions are ended by those who look for disabled principals.
// On waits until those are gone, and never undoes what an administrator here disabled.

import { sql } from 'kysely';
import { append } from '../../audit/append.ts';
import { Failure } from '../../base/errors.ts';
import type { Trx } from '../../db/client.ts';
import type { Administrator } from '../administer.ts';
import { actorOf } from '../principals.ts';
import { revokeAllOf } from '../tokens.ts';
import type { UserRow } from './user-rows.ts';

export async function switchOff(trx: Trx, user: UserRow, why: string, by: Administrator): Promise<void> {
  const done = await trx
    .updateTable('principals')
    .set({ disabled_at: sql<Date>`now()` })
    .where('id', '=', user.id)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
  const actor = actorOf(by.principal);
  await revokeAllOf(trx, user.id, actor, by.sourceAddress);
  if (Number(done.numUpdatedRows) === 0) return;
  await trx
    .updateTable('directory_users')
    .set({ disabled_by_directory: true })
    .where('principal_id', '=', user.id)
    .execute();
  await append(trx, {
    kind: 'principal.disabled',
    actor,
    sourceAddress: by.sourceAddress,
    detail: { principal: { id: user.id, name: user.name, kind: user.kind }, reason: why },
  });
}

/** Errors: `still-ending` while a grant from before is not over. */
export async function switchOn(trx: Trx, user: UserRow, by: Administrator): Promise<void> {
  if (!user.disabled_by_directory) return;
  const { rows } =
    await sql`select 1 from grants where principal_id = ${user.id} and wanted = 'present' limit 1`.execute(
      trx,
    );
  if (rows.length > 0) {
    throw new Failure(
      'unavailable',
      'still-ending',
      'Grants from before are still being ended; try again in a moment.',
    );
  }
  await trx
    .updateTable('directory_users')
    .set({ disabled_by_directory: false })
    .where('principal_id', '=', user.id)
    .execute();
  await trx.updateTable('principals').set({ disabled_at: null }).where('id', '=', user.id).execute();
  await append(trx, {
    kind: 'principal.enabled',
    actor: actorOf(by.principal),
    sourceAddress: by.sourceAddress,
    detail: { principal: { id: user.id, name: user.name, kind: user.kind }, reason: 'the directory' },
  });
}
