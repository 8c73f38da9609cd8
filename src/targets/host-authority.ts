// The installation's authority over hosts: ed25519 keys that sign user certificates, sealed under the master key. It is
// made when the first host needs it. Changed, the new key signs for grants that are made from then on, whose hosts
// have learned of it with the grant; the ones before stay trusted while a grant lives that they sign for.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import type { MasterKey } from '../base/master-key.ts';
import type { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import { keyPairFrom, newKeyPair, publicLine, type SshKeyPair } from '../ssh/keys.ts';

export interface HostAuthorityContext {
  db: Db;
  masterKey: Pick<MasterKey, 'seal' | 'open'>;
}

const sealContext = (publicKey: string) => `host authority ${publicKey}`;

/** Public keys, `type base64`, that hosts are to trust now; the one that signs last. */
export async function trustedAuthorities(ctx: HostAuthorityContext): Promise<string[]> {
  const select = () =>
    sql<{ public_key: string }>`
      select a.public_key from host_authorities a
      left join host_authorities later on later.number = a.number + 1
      where later.number is null or exists (
        select from grants g join targets t on t.id = g.target_id
        where t.kind = 'ssh' and g.created_at < later.made_at
          and (g.wanted = 'present' or g.observed <> 'absent'))
      order by a.number`.execute(ctx.db);
  const { rows } = await select();
  if (rows.length > 0) return rows.map((row) => row.public_key);
  await insertNext(ctx, ctx.db, 1);
  return (await select()).rows.map((row) => row.public_key);
}

/** The pair that signs for a grant that was made then: its host knows that one since. */
export async function authorityFor(ctx: HostAuthorityContext, grantCreatedAt: Date): Promise<SshKeyPair> {
  await trustedAuthorities(ctx);
  const row = await ctx.db
    .selectFrom('host_authorities')
    .select(['public_key', 'sealed'])
    // Where none is older, the first: a host that was never told of another.
    .orderBy(sql`made_at <= ${grantCreatedAt}`, 'desc')
    .orderBy(sql`case when made_at <= ${grantCreatedAt} then -number else number end`)
    .executeTakeFirstOrThrow();
  const seed = ctx.masterKey.open(row.sealed, sealContext(row.public_key)).reveal();
  return keyPairFrom(Buffer.from(seed, 'base64'));
}

/** From now on another key signs for new grants. */
export async function rotateHostAuthority(
  ctx: HostAuthorityContext,
  by: { actor: Actor; sourceAddress: string },
): Promise<void> {
  await trustedAuthorities(ctx);
  await ctx.db.transaction().execute(async (trx) => {
    await sql`lock table host_authorities in share row exclusive mode`.execute(trx);
    const { last } = await trx
      .selectFrom('host_authorities')
      .select((eb) => eb.fn.max('number').as('last'))
      .executeTakeFirstOrThrow();
    const publicKey = await insertNext(ctx, trx, last + 1);
    await append(trx, {
      kind: 'keys.rotated',
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { key: 'the authority that hosts trust', publicKey },
    });
  });
}

/** Of two that make the same number one is kept. */
async function insertNext(ctx: HostAuthorityContext, db: Db | Trx, number: number): Promise<string> {
  const pair = newKeyPair();
  const publicKey = publicLine(pair.publicKey);
  await db
    .insertInto('host_authorities')
    .values({ number, public_key: publicKey, sealed: ctx.masterKey.seal(pair.seed, sealContext(publicKey)) })
    .onConflict((oc) => oc.column('number').doNothing())
    .execute();
  return publicKey;
}

/** Seals all of its keys again. */
export async function resealHostAuthorities(
  trx: Trx,
  keys: { seal(secret: Secret, context: string): Buffer; open(sealed: Buffer, context: string): Secret },
): Promise<void> {
  const rows = await trx.selectFrom('host_authorities').selectAll().forUpdate().execute();
  for (const row of rows) {
    const context = sealContext(row.public_key);
    await trx
      .updateTable('host_authorities')
      .set({ sealed: keys.seal(keys.open(row.sealed, context), context) })
      .where('number', '=', row.number)
      .execute();
  }
}
