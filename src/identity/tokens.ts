// Tokens: 256 random bits, shown once, kept as a SHA-256. A token is looked up by its hash, so comparing takes the
// same time whatever is sent; a disabled principal's tokens are worth nothing at once.

import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import { PRINCIPAL_COLUMNS, type Principal, type PrincipalRow, principalFrom } from './principals.ts';

const TOKEN_BYTES = 32;
const TOKEN_FORM = /^sally_[A-Za-z0-9_-]{43}$/;
export const BROWSER_SECONDS = 12 * 3600;
const USE_NOTED_EVERY_SECONDS = 60;

export type TokenKind = 'api' | 'browser';

export interface IssuedToken {
  id: string;
  token: Secret;
  expiresAt: Date;
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** A new token for `principalId`. `lifetimeSeconds` defaults to a browser's 12 hours. */
export async function issueToken(
  trx: Trx,
  input: {
    principalId: string;
    kind: TokenKind;
    name: string;
    lifetimeSeconds?: number;
    by: Actor;
    sourceAddress?: string;
  },
): Promise<IssuedToken> {
  const token = `sally_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const stored = await storeTokenHash(trx, { ...input, hash: hashToken(token) });
  return { ...stored, token: new Secret(token) };
}

/** The same for a token that was made elsewhere (`sally init`), of which only the hash is known. */
export async function storeTokenHash(
  trx: Trx,
  input: {
    principalId: string;
    kind: TokenKind;
    name: string;
    hash: Buffer;
    lifetimeSeconds?: number;
    by: Actor;
    sourceAddress?: string;
  },
): Promise<{ id: string; expiresAt: Date }> {
  const lifetime = input.lifetimeSeconds ?? BROWSER_SECONDS;
  const row = await trx
    .insertInto('tokens')
    .values({
      id: newId('token'),
      principal_id: input.principalId,
      kind: input.kind,
      name: input.name,
      hash: input.hash,
      expires_at: sql<Date>`now() + make_interval(secs => ${lifetime})`,
    })
    .returning(['id', 'expires_at'])
    .executeTakeFirstOrThrow();
  await append(trx, {
    kind: 'token.issued',
    actor: input.by,
    sourceAddress: input.sourceAddress,
    detail: {
      tokenId: row.id,
      tokenKind: input.kind,
      forPrincipal: input.principalId,
      expiresAt: row.expires_at.toISOString(),
    },
  });
  return { id: row.id, expiresAt: row.expires_at };
}

export interface Authenticated {
  principal: Principal;
  tokenId: string;
  tokenKind: TokenKind;
  /** Whole seconds that the token has left. */
  leftSeconds: number;
}

/** Errors: Failure `unauthenticated`, the same for a wrong, expired, revoked and disabled one. */
export async function authenticate(db: Db, token: string): Promise<Authenticated> {
  if (!TOKEN_FORM.test(token)) throw unauthenticated();
  const { rows } = await sql<
    PrincipalRow & { token_id: string; token_kind: TokenKind; note_use: boolean; left_s: number }
  >`
    select ${PRINCIPAL_COLUMNS}, t.id as token_id, t.kind as token_kind,
      floor(extract(epoch from t.expires_at - now()))::float8 as left_s,
      t.last_used_at is null or t.last_used_at < now() - make_interval(secs => ${USE_NOTED_EVERY_SECONDS}) as note_use
    from principals p join tokens t on t.principal_id = p.id
    where t.hash = ${hashToken(token)} and t.revoked_at is null and t.expires_at > now()
      and p.disabled_at is null`.execute(db);
  const [row] = rows;
  if (row === undefined) throw unauthenticated();
  if (row.note_use) {
    await db.updateTable('tokens').set({ last_used_at: sql`now()` }).where('id', '=', row.token_id).execute();
  }
  return {
    principal: principalFrom(row),
    tokenId: row.token_id,
    tokenKind: row.token_kind,
    leftSeconds: row.left_s,
  };
}

/** Ends a token, and the browsers' own that were signed in with it; ending it twice is one effect. */
export async function revokeToken(
  trx: Trx,
  tokenId: string,
  by: Actor,
  sourceAddress?: string,
): Promise<void> {
  const done = await trx
    .updateTable('tokens')
    .set({ revoked_at: sql`now()` })
    .where((eb) =>
      eb.or([
        eb('id', '=', tokenId),
        eb.and([eb('kind', '=', 'browser'), eb('name', '=', signedInWith(tokenId))]),
      ]),
    )
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (Number(done.numUpdatedRows) > 0)
    await append(trx, { kind: 'token.revoked', actor: by, sourceAddress, detail: { tokenId } });
}

/** The name of a browser's token: it ends with the one that it was made from. */
export function signedInWith(tokenId: string): string {
  return `signed in with ${tokenId}`;
}

function unauthenticated(): Failure {
  return new Failure(
    'unauthenticated',
    'unauthenticated',
    'This token is not valid (wrong, expired or revoked).',
    {
      hint: 'Sign in again: `sally login`, or the portal.',
    },
  );
}
