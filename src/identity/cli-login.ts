// The command line's login by a browser on the same machine (RFC 8252 with PKCE): who is signed in confirms it in the
// portal, the browser brings a code to the waiting program, and only the program that began it can redeem that, once.

import { createHash, timingSafeEqual } from 'node:crypto';
import { sql } from 'kysely';
import type { IssuedToken } from '../api/people.ts';
import type { CliLogin } from '../api/sign-in.ts';
import { append } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import { accountDisabled } from './browser-session.ts';
import { beginCeremony, takeCeremony } from './ceremonies.ts';
import { actorOf, type Principal, principalById } from './principals.ts';
import { type BrowserCaller, requireBrowser, type SignInContext } from './sign-in-context.ts';
import { issueToken } from './tokens.ts';

/** A week of work; then the browser confirms again. */
const CLI_TOKEN_SECONDS = 7 * 86_400;
/** From the click to the program that waits on the same machine. */
const CODE_SECONDS = 60;

/** Where the browser takes the code. Errors: `browser-only`. */
export async function confirmCliLogin(
  ctx: SignInContext,
  caller: BrowserCaller,
  asked: CliLogin,
): Promise<{ url: string }> {
  requireBrowser(caller);
  const code = await beginCeremony(ctx.db, {
    kind: 'cli-login',
    principalId: caller.principal.id,
    tokenId: caller.tokenId,
    sourceAddress: caller.sourceAddress,
    detail: { challenge: asked.challenge, machine: asked.machine },
    lifetimeSeconds: CODE_SECONDS,
  });
  // Always this machine: a page that could name another would send codes away.
  const url = new URL(`http://127.0.0.1:${asked.port}/`);
  url.searchParams.set('code', code.reveal());
  url.searchParams.set('state', asked.state);
  return { url: url.href };
}

/** Errors, noted: `login-over`, `account-disabled`. */
export async function redeemCliLogin(
  ctx: SignInContext,
  given: { code: string; verifier: string },
  address: string,
): Promise<IssuedToken> {
  const ceremony = await takeCeremony(ctx.db, 'cli-login', given.code);
  const { challenge, machine } = ceremony?.detail ?? {};
  const fits = typeof challenge === 'string' && isVerifierOf(given.verifier, challenge);
  const session = ceremony?.tokenId == null ? null : await liveSession(ctx.db, ceremony.tokenId);
  if (!fits || session === null || typeof machine !== 'string') {
    await ctx.failures.note({ how: 'login', code: 'login-over', address });
    throw new Failure(
      'denied',
      'login-over',
      'This login is over: used, too old, or begun by another program.',
      {
        hint: 'Begin again: `sally login`.',
      },
    );
  }
  return issueCliToken(
    ctx,
    session.principalId,
    { machine, mfaAt: session.mfaAt, handedBy: session.handedBy, how: 'browser' },
    address,
  );
}

export interface NewCliToken {
  machine: string;
  mfaAt: Date | null;
  /** Of the session that let it in. */
  handedBy: readonly string[];
  how: 'browser' | 'code';
}

/** A token for the machine, that counts the passkey which the browser had used. Errors, noted: `account-disabled`. */
export async function issueCliToken(
  ctx: SignInContext,
  principalId: string,
  given: NewCliToken,
  address: string,
): Promise<IssuedToken> {
  const principal = await principalById(ctx.db, principalId);
  if (principal.disabled) {
    await ctx.failures.note({
      how: 'login',
      code: 'account-disabled',
      address,
      actor: actorOf(principal),
    });
    throw accountDisabled();
  }
  return ctx.db.transaction().execute((trx) => issue(trx, principal, given, address));
}

async function issue(
  trx: Trx,
  principal: Principal,
  given: NewCliToken,
  address: string,
): Promise<IssuedToken> {
  const actor = actorOf(principal);
  const issued = await issueToken(trx, {
    principalId: principal.id,
    kind: 'api',
    name: `sally on ${given.machine}`,
    lifetimeSeconds: CLI_TOKEN_SECONDS,
    mfaAt: given.mfaAt,
    handedBy: given.handedBy,
    by: actor,
    sourceAddress: address,
  });
  await append(trx, {
    kind: 'cli-login',
    actor,
    sourceAddress: address,
    detail: { machine: given.machine, how: given.how },
  });
  return { id: issued.id, token: issued.token.reveal(), expiresAt: issued.expiresAt.toISOString() };
}

async function liveSession(
  db: Db,
  tokenId: string,
): Promise<{ principalId: string; mfaAt: Date | null; handedBy: string[] } | null> {
  const row = await db
    .selectFrom('tokens')
    .select(['principal_id', 'mfa_at', 'handed_by'])
    .where('id', '=', tokenId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  return row === undefined
    ? null
    : { principalId: row.principal_id, mfaAt: row.mfa_at, handedBy: row.handed_by };
}

function isVerifierOf(verifier: string, challenge: string): boolean {
  const made = createHash('sha256').update(verifier).digest();
  const wanted = Buffer.from(challenge, 'base64url');
  return made.length === wanted.length && timingSafeEqual(made, wanted);
}
