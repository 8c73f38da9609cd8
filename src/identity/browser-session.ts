// A browser's session is a token of its own. It is a new one at every sign-in and at every step-up, and the one before
// is revoked, so that a token that somebody planted or copied before is worth nothing afterwards.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import type { SignedInBy } from '../db/tables.ts';
import { actorOf, type Principal } from './principals.ts';
import { BROWSER_SECONDS, hashToken, issueToken, revokeToken } from './tokens.ts';

export interface SignedIn {
  principal: Principal;
  token: Secret;
  expiresAt: Date;
}

export interface NewSession {
  principal: Principal;
  how: SignedInBy;
  address: string;
  /** The id of the browser's token before, of whomever. */
  replaces: string | null;
  /** A passkey was used just now. */
  withPasskey?: boolean;
  /** Of the way in which they signed in. */
  handedBy?: readonly string[];
  name?: string;
  lifetimeSeconds?: number;
}

/** Signs the browser in, with its entry. Errors: `account-disabled`. */
export async function openBrowserSession(trx: Trx, input: NewSession): Promise<SignedIn> {
  const { principal, how, address } = input;
  if (principal.disabled) throw accountDisabled();
  if (input.replaces !== null) await revokeToken(trx, input.replaces, actorOf(principal), address);
  const issued = await issueToken(trx, {
    principalId: principal.id,
    kind: 'browser',
    name: input.name ?? how,
    lifetimeSeconds: input.lifetimeSeconds ?? BROWSER_SECONDS,
    signedInBy: how,
    mfaAt: input.withPasskey === true ? 'now' : null,
    handedBy: input.handedBy ?? [],
    by: actorOf(principal),
    sourceAddress: address,
  });
  await append(trx, { kind: 'sign-in', actor: actorOf(principal), sourceAddress: address, detail: { how } });
  return { principal, token: issued.token, expiresAt: issued.expiresAt };
}

/**
 * The same session under a new token in which a passkey was just used; it ends when the old one would have. It is its
 * person's own as soon as one of both, session and passkey, is.
 */
export async function stepUpSession(
  trx: Trx,
  principal: Principal,
  tokenId: string,
  address: string,
  passkeyHandedBy: readonly string[],
): Promise<SignedIn> {
  const old = await trx
    .selectFrom('tokens')
    .select([
      'name',
      'signed_in_by',
      'handed_by',
      sql<number>`extract(epoch from expires_at - now())::float8`.as('left_s'),
    ])
    .where('id', '=', tokenId)
    .where('kind', '=', 'browser')
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .forUpdate()
    .executeTakeFirst();
  if (old === undefined) throw new Failure('unauthenticated', 'unauthenticated', 'This session is over.');
  const issued = await issueToken(trx, {
    principalId: principal.id,
    kind: 'browser',
    name: old.name,
    lifetimeSeconds: old.left_s,
    signedInBy: old.signed_in_by,
    mfaAt: 'now',
    handedBy:
      old.handed_by.length === 0 || passkeyHandedBy.length === 0
        ? []
        : [...new Set([...old.handed_by, ...passkeyHandedBy])],
    by: actorOf(principal),
    sourceAddress: address,
  });
  await revokeToken(trx, tokenId, actorOf(principal), address);
  await append(trx, { kind: 'step-up', actor: actorOf(principal), sourceAddress: address, detail: {} });
  return { principal, token: issued.token, expiresAt: issued.expiresAt };
}

/** The id of the browser's token that `cookie` is, when it is one and lives; otherwise null. */
export async function browserTokenId(db: Db, cookie: string | undefined): Promise<string | null> {
  if (cookie === undefined || cookie === '') return null;
  const row = await db
    .selectFrom('tokens')
    .select('id')
    .where('hash', '=', hashToken(cookie))
    .where('kind', '=', 'browser')
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  return row?.id ?? null;
}

export function accountDisabled(): Failure {
  return new Failure('denied', 'account-disabled', 'This account is disabled.', {
    hint: 'Ask an administrator.',
  });
}
