// A ceremony is something that is begun in one browser and must be completed there, once, before it expires: a sign-in
// at a provider, a passkey, a login of the command line. Whoever began it holds a secret; the store keeps its hash, and
// state, nonce and challenge are derived from it, so that neither the store nor a copied answer is worth anything.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import type { CeremonyKind } from '../db/tables.ts';

const SECRET_BYTES = 32;
const SECRET_FORM = /^[A-Za-z0-9_-]{43}$/;
/** Open at a time; a company behind one proxy has one address. */
const MOST_FROM_ADDRESS = 500;
const MOST_OPEN = 20_000;
const SWEPT_AT_A_TIME = 500;

export interface Ceremony {
  principalId: string | null;
  /** The browser's token that it was begun with; null where nobody was signed in. */
  tokenId: string | null;
  detail: Record<string, unknown>;
}

export interface NewCeremony extends Partial<Ceremony> {
  kind: CeremonyKind;
  sourceAddress: string;
  lifetimeSeconds: number;
}

/** The secret of the one who began it. Errors: `too-many-ceremonies`. */
export async function beginCeremony(db: Db | Trx, input: NewCeremony): Promise<Secret> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await sql`delete from ceremonies where hash in
    (select hash from ceremonies where expires_at <= now() limit ${SWEPT_AT_A_TIME})`.execute(db);
  const { numAffectedRows } = await sql`
    insert into ceremonies (hash, kind, principal_id, token_id, source_address, detail, expires_at)
    select ${hashOf(secret)}, ${input.kind}, ${input.principalId ?? null}, ${input.tokenId ?? null},
      ${input.sourceAddress}, ${JSON.stringify(input.detail ?? {})}::jsonb,
      now() + make_interval(secs => ${input.lifetimeSeconds})
    where (select count(*) from ceremonies where source_address = ${input.sourceAddress}) < ${MOST_FROM_ADDRESS}
      and (select count(*) from ceremonies) < ${MOST_OPEN}`.execute(db);
  if (numAffectedRows === 1n) return new Secret(secret);
  throw new Failure('limit', 'too-many-ceremonies', 'Too many sign-ins are under way.', {
    hint: 'Wait a few minutes and try again.',
  });
}

/**
 * Ends it and gives what it was about; null for one that is over, of another kind, or nobody's. It is over before
 * its answer is looked at, so that nobody tries twice.
 */
export async function takeCeremony(
  db: Db | Trx,
  kind: CeremonyKind,
  secret: string,
): Promise<Ceremony | null> {
  if (!SECRET_FORM.test(secret)) return null;
  const row = await db
    .deleteFrom('ceremonies')
    .where('hash', '=', hashOf(secret))
    .where('kind', '=', kind)
    .where('expires_at', '>', sql<Date>`now()`)
    .returning(['principal_id', 'token_id', 'detail'])
    .executeTakeFirst();
  return row === undefined
    ? null
    : { principalId: row.principal_id, tokenId: row.token_id, detail: row.detail };
}

/** As `takeCeremony`, and it goes on. */
export async function lookAtCeremony(db: Db, kind: CeremonyKind, secret: string): Promise<Ceremony | null> {
  if (!SECRET_FORM.test(secret)) return null;
  const row = await db
    .selectFrom('ceremonies')
    .select(['principal_id', 'token_id', 'detail'])
    .where('hash', '=', hashOf(secret))
    .where('kind', '=', kind)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  return row === undefined
    ? null
    : { principalId: row.principal_id, tokenId: row.token_id, detail: row.detail };
}

/** A value for one purpose that only the holder of the secret can make: 43 characters of base64url. */
export function derived(secret: string, purpose: 'state' | 'nonce' | 'pkce' | 'challenge'): string {
  return createHmac('sha256', secret).update(purpose).digest('base64url');
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
