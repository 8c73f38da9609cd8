// What the ways to sign in work with, and what several of them ask of a session.

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Db } from '../db/client.ts';
import type { Attempts } from './attempts.ts';
import type { FailedSignIns } from './failed-sign-ins.ts';
import type { OidcProvider } from './oidc-provider.ts';
import type { Principal } from './principals.ts';
import type { TokenKind } from './tokens.ts';

export interface SignInContext {
  db: Db;
  log: Logger;
  failures: FailedSignIns;
  /** Wrong codes of device logins, by person. */
  userCodes: Attempts;
  /** The portal's origin as people's browsers know it; known once the server listens. */
  publicUrl: () => string;
  oidc: OidcProvider | null;
  /** Where somebody's first passkey may come from: any new sign-in, or only a registration link. */
  firstPasskey: 'sign-in' | 'link';
}

/** Who is signed in in a browser, as the ways to sign in need to know it. */
export interface BrowserCaller {
  principal: Principal;
  sourceAddress: string;
  tokenId: string;
  tokenKind: TokenKind;
  mfaAgeSeconds: number | null;
  handedBy: readonly string[];
}

/** A passkey or a link with the provider that somebody handed out is its person's own after this: they had time to see it. */
export const HANDED_OUT_DAYS = 7;

const DAY_MS = 86_400_000;

export function isTheirOwnBy(since: Date): boolean {
  return Date.now() - since.getTime() > HANDED_OUT_DAYS * DAY_MS;
}

/**
 * For what would give a voice or a share away for good: only by a way to sign in that went through nobody else's hands.
 * Errors: `handed-out`, with `why`.
 */
export function requireOwnWayIn(handedBy: readonly string[] | undefined, why: string): void {
  if (handedBy === undefined || handedBy.length === 0) return;
  throw new Failure(
    'denied',
    'handed-out',
    `${why} Somebody else handed out the way to sign in that was used.`,
    {
      hint: 'Use a way of your own: the identity provider, or a passkey that is older than a week.',
    },
  );
}

/** A passkey that was used longer ago is asked for again. */
export const STEP_UP_FRESH_SECONDS = 300;
const NEW_SIGN_IN_SECONDS = 900;

/** Errors: `browser-only` for a call with an access token. */
export function requireBrowser(caller: BrowserCaller): void {
  if (caller.tokenKind === 'browser') return;
  throw new Failure('denied', 'browser-only', 'This is done in the portal, signed in there.');
}

/** `for` is whom it would be for; `why` says what asks for it. */
export function stepUpRequired(ctx: { publicUrl: () => string }, why: string): Failure {
  return new Failure('denied', 'step-up-required', why, {
    hint: `In the portal, ${ctx.publicUrl()}, it asks for the passkey and goes on.`,
    facts: { portal: ctx.publicUrl(), freshSeconds: STEP_UP_FRESH_SECONDS },
  });
}

/**
 * Before a way to sign in is added or taken away: whoever has a passkey has just used it, whoever has none has just
 * signed in. Otherwise a copied cookie would be enough to stay for ever.
 * Errors: `browser-only`, `step-up-required`, `sign-in-again`.
 */
export async function requireFresh(ctx: SignInContext, caller: BrowserCaller): Promise<void> {
  requireBrowser(caller);
  if (caller.mfaAgeSeconds !== null && caller.mfaAgeSeconds <= STEP_UP_FRESH_SECONDS) return;
  const { rows } = await sql<{ passkeys: number; age_s: number }>`
    select (select count(*) from passkeys where principal_id = ${caller.principal.id})::int as passkeys,
      extract(epoch from now() - created_at)::float8 as age_s
    from tokens where id = ${caller.tokenId}`.execute(ctx.db);
  const [row] = rows;
  if (row !== undefined && row.passkeys > 0)
    throw stepUpRequired(ctx, 'How you sign in is changed only with one of your passkeys.');
  if (row === undefined || row.age_s > NEW_SIGN_IN_SECONDS) {
    throw new Failure('denied', 'sign-in-again', 'This sign-in is too long ago for that.', {
      hint: 'Sign out, sign in again, and do it within 15 minutes.',
    });
  }
}
