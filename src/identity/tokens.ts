// Tokens: 256 random bits, shown once, kept as a SHA-256. A token is looked up by its hash, so comparing takes the
// same time whatever is sent; a disabled principal's tokens are worth nothing at once.

import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { TOKEN_SCOPES, type TokenScope } from '../api/people.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import type { SignedInBy } from '../db/tables.ts';
import { PRINCIPAL_COLUMNS, type Principal, type PrincipalRow, principalFrom } from './principals.ts';

const TOKEN_BYTES = 32;
const TOKEN_FORM = /^sally_[A-Za-z0-9_-]{43}$/;
export const BROWSER_SECONDS = 12 * 3600;
const USE_NOTED_EVERY_SECONDS = 60;
const SIGNED_IN_WITH = 'signed in with ';

export type TokenKind = 'api' | 'browser';

/** What narrows a token; null is no limit. A limit never gives what the principal may not do. */
export interface TokenLimits {
  scopes: readonly TokenScope[] | null;
  /** Networks in the form of base/address-ranges. */
  addressRanges: readonly string[] | null;
}

const UNLIMITED: TokenLimits = { scopes: null, addressRanges: null };

export interface NewToken {
  principalId: string;
  kind: TokenKind;
  name: string;
  /** A browser's 12 hours unless given. */
  lifetimeSeconds?: number;
  limits?: TokenLimits;
  /** How a browser came by it. */
  signedInBy?: SignedInBy | null;
  /** When a passkey was used for it; `now` is the store's. */
  mfaAt?: Date | 'now' | null;
  /** Ids of those through whose hands it goes (people/hand-out.ts). */
  handedBy?: readonly string[];
  by: Actor;
  sourceAddress?: string;
}

export interface IssuedToken {
  id: string;
  token: Secret;
  expiresAt: Date;
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** A new token, shown once by whoever gets it from here. */
export async function issueToken(trx: Trx, input: NewToken): Promise<IssuedToken> {
  const token = `sally_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const stored = await storeTokenHash(trx, { ...input, hash: hashToken(token) });
  return { ...stored, token: new Secret(token) };
}

/** The same for a token that was made elsewhere (`sally init`), of which only the hash is known. */
export async function storeTokenHash(
  trx: Trx,
  input: NewToken & { hash: Buffer },
): Promise<{ id: string; expiresAt: Date }> {
  await requireEnabled(trx, input.principalId);
  const lifetime = input.lifetimeSeconds ?? BROWSER_SECONDS;
  const { scopes, addressRanges } = input.limits ?? (await limitsOfOrigin(trx, input));
  const row = await trx
    .insertInto('tokens')
    .values({
      id: newId('token'),
      principal_id: input.principalId,
      kind: input.kind,
      name: input.name,
      hash: input.hash,
      expires_at: sql<Date>`now() + make_interval(secs => ${lifetime})`,
      scopes: scopes === null ? null : [...scopes],
      address_ranges: addressRanges === null ? null : [...addressRanges],
      issued_by: input.by.kind === 'system' ? null : input.by.id,
      signed_in_by: input.signedInBy ?? null,
      mfa_at: input.mfaAt === 'now' ? sql<Date>`now()` : (input.mfaAt ?? null),
      handed_by: [...(input.handedBy ?? [])],
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
      name: input.name,
      forPrincipal: input.principalId,
      expiresAt: row.expires_at.toISOString(),
      scopes: scopes ?? undefined,
      addresses: addressRanges ?? undefined,
      handedBy: input.handedBy?.length ? [...input.handedBy] : undefined,
    },
  });
  return { id: row.id, expiresAt: row.expires_at };
}

/**
 * Held until the end of `trx`: whoever is being disabled meanwhile gets no token that would come to life when they are
 * enabled again. Errors: `unauthenticated`.
 */
async function requireEnabled(trx: Trx, principalId: string): Promise<void> {
  const { rows } = await sql<{ disabled: boolean }>`
    select disabled_at is not null as disabled from principals where id = ${principalId} for share`.execute(
    trx,
  );
  if (rows[0]?.disabled !== false) throw unauthenticated();
}

// A browser's token is no way around the limits of the one that it was made from.
async function limitsOfOrigin(trx: Trx, input: NewToken): Promise<TokenLimits> {
  const origin = input.kind === 'browser' ? originOf(input.name) : null;
  if (origin === null) return UNLIMITED;
  const row = await trx
    .selectFrom('tokens')
    .select(['scopes', 'address_ranges'])
    .where('id', '=', origin)
    .executeTakeFirstOrThrow();
  return limitsFrom(row);
}

/** A scope that this version does not know opens nothing; a list that is empty then still limits. */
export function limitsFrom(row: { scopes: string[] | null; address_ranges: string[] | null }): TokenLimits {
  return {
    scopes: row.scopes === null ? null : TOKEN_SCOPES.filter((scope) => row.scopes?.includes(scope)),
    addressRanges: row.address_ranges,
  };
}

export interface Authenticated {
  principal: Principal;
  tokenId: string;
  tokenKind: TokenKind;
  /** To be asked of every call: http/token-limits.ts. */
  limits: TokenLimits;
  /** Whole seconds that the token has left. */
  leftSeconds: number;
  /** Since a passkey was used with this token; null when none was. */
  mfaAgeSeconds: number | null;
  /** Whose voice it also is; empty as a rule. */
  handedBy: string[];
}

/** Errors: Failure `unauthenticated`, the same for a wrong, expired, revoked and disabled one. */
export async function authenticate(db: Db, token: string): Promise<Authenticated> {
  if (!TOKEN_FORM.test(token)) throw unauthenticated();
  const { rows } = await sql<
    PrincipalRow & {
      token_id: string;
      token_kind: TokenKind;
      note_use: boolean;
      left_s: number;
      scopes: string[] | null;
      address_ranges: string[] | null;
      mfa_age_s: number | null;
      handed_by: string[];
    }
  >`
    select ${PRINCIPAL_COLUMNS}, t.id as token_id, t.kind as token_kind, t.scopes, t.address_ranges, t.handed_by,
      floor(extract(epoch from t.expires_at - now()))::float8 as left_s,
      floor(extract(epoch from now() - t.mfa_at))::float8 as mfa_age_s,
      t.last_used_at is null or t.last_used_at < now() - make_interval(secs => ${USE_NOTED_EVERY_SECONDS}) as note_use
    from principals p join tokens t on t.principal_id = p.id
    where t.hash = ${hashToken(token)} and t.revoked_at is null and t.expires_at > now()
      and p.disabled_at is null`.execute(db);
  const [row] = rows;
  if (row === undefined) throw unauthenticated();
  if (row.note_use) {
    await noteUse(db, row.token_id);
  }
  return {
    principal: principalFrom(row),
    tokenId: row.token_id,
    tokenKind: row.token_kind,
    limits: limitsFrom(row),
    leftSeconds: row.left_s,
    mfaAgeSeconds: row.mfa_age_s === null ? null : Math.max(0, row.mfa_age_s),
    handedBy: row.handed_by,
  };
}

// Calls that come at the same time do not queue for the row, and none waits for the disk: a note may be lost in a crash.
async function noteUse(db: Db, tokenId: string): Promise<void> {
  await sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    due as materialized (
      select id from tokens
      where id = ${tokenId}
        and (last_used_at is null or last_used_at < now() - make_interval(secs => ${USE_NOTED_EVERY_SECONDS}))
      for update skip locked)
    update tokens set last_used_at = now() from relaxed, due where tokens.id = due.id`.execute(db);
}

/** Whose token it is or was, for the log; null for one that nobody has. */
export async function ownerOf(db: Db, token: string): Promise<Actor | null> {
  const row = await db
    .selectFrom('tokens as t')
    .innerJoin('principals as p', 'p.id', 't.principal_id')
    .select(['p.id', 'p.name', 'p.kind'])
    .where('t.hash', '=', hashToken(token))
    .executeTakeFirst();
  return row ?? null;
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

/**
 * Ends every token of a principal, and every login and link of theirs that is under way, so that none of it comes to life
 * when they are enabled again.
 */
export async function revokeAllOf(
  trx: Trx,
  principalId: string,
  by: Actor,
  sourceAddress?: string,
): Promise<void> {
  const tokens = await trx
    .selectFrom('tokens')
    .select('id')
    .where('principal_id', '=', principalId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .execute();
  for (const token of tokens) await revokeToken(trx, token.id, by, sourceAddress);
  await trx.deleteFrom('device_logins').where('principal_id', '=', principalId).execute();
  await trx.deleteFrom('ceremonies').where('principal_id', '=', principalId).execute();
}

/** The name of a browser's token: it ends with the one that it was made from. */
export function signedInWith(tokenId: string): string {
  return `${SIGNED_IN_WITH}${tokenId}`;
}

function originOf(name: string): string | null {
  return name.startsWith(SIGNED_IN_WITH) ? name.slice(SIGNED_IN_WITH.length) : null;
}

/** Whose a token was that is worth nothing any more, and why; null for one that never was. */
export async function deadToken(
  db: Db,
  token: string,
): Promise<{ tokenId: string; holder: Actor; why: 'expired' | 'revoked' | 'disabled' } | null> {
  if (!TOKEN_FORM.test(token)) return null;
  const row = await db
    .selectFrom('tokens as t')
    .innerJoin('principals as p', 'p.id', 't.principal_id')
    .select(['t.id as token_id', 't.revoked_at', 'p.id', 'p.name', 'p.kind', 'p.disabled_at'])
    .where('t.hash', '=', hashToken(token))
    .executeTakeFirst();
  if (row === undefined) return null;
  const { token_id: tokenId, id, name, kind } = row;
  const why = row.disabled_at !== null ? 'disabled' : row.revoked_at !== null ? 'revoked' : 'expired';
  return { tokenId, holder: { id, name, kind }, why };
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
