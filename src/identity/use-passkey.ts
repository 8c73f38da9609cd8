// Using a passkey: to sign in, and to step up. A question is asked of one browser, answered once, by a key that is
// known, on our own page, by somebody whom the authenticator has verified; a counter that does not rise is a copy.

import {
  generateAuthenticationOptions,
  type VerifiedAuthenticationResponse,
  verifyAuthenticationResponse,
} from '@simplewebauthn/server';
import { type PasskeyOptions, passkeyOptions, type UsedPasskey } from '../api/sign-in.ts';
import { conflict, Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { browserTokenId, openBrowserSession, type SignedIn, stepUpSession } from './browser-session.ts';
import { beginCeremony, derived, takeCeremony } from './ceremonies.ts';
import {
  noteUse,
  PASSKEY_SECONDS,
  passkeyByCredential,
  passkeyOver,
  passkeyRefused,
  relyingParty,
} from './passkeys.ts';
import { actorOf, type Principal, principalById } from './principals.ts';
import type { From } from './sign-in.ts';
import { type BrowserCaller, isTheirOwnBy, requireBrowser, type SignInContext } from './sign-in-context.ts';

export interface PasskeyQuestion {
  options: PasskeyOptions;
  secret: Secret;
}

/** Whoever it is: the authenticator says whose passkey it holds. */
export async function beginPasskeySignIn(ctx: SignInContext, from: From): Promise<PasskeyQuestion> {
  const secret = await beginCeremony(ctx.db, {
    kind: 'passkey-sign-in',
    tokenId: await browserTokenId(ctx.db, from.cookie),
    sourceAddress: from.address,
    lifetimeSeconds: PASSKEY_SECONDS,
  });
  return { options: await question(ctx, secret, []), secret };
}

/** Errors, all noted: `passkey-over`, `passkey-refused`, `passkey-copied`, `account-disabled`, `too-many-failures`. */
export async function finishPasskeySignIn(
  ctx: SignInContext,
  secret: string,
  passkey: UsedPasskey,
  address: string,
): Promise<SignedIn> {
  return noted(ctx, address, async (know) => {
    const ceremony = await takeCeremony(ctx.db, 'passkey-sign-in', secret);
    if (ceremony === null) throw passkeyOver();
    const { principal, handedBy } = await verifyUse(ctx, secret, passkey, null, know);
    return ctx.db.transaction().execute((trx) =>
      openBrowserSession(trx, {
        principal,
        how: 'passkey',
        address,
        replaces: ceremony.tokenId,
        withPasskey: true,
        handedBy,
      }),
    );
  });
}

/** Errors: `browser-only`, `no-passkey`. */
export async function beginStepUp(ctx: SignInContext, caller: BrowserCaller): Promise<PasskeyQuestion> {
  requireBrowser(caller);
  const own = await ctx.db
    .selectFrom('passkeys')
    .select(['credential_id', 'transports'])
    .where('principal_id', '=', caller.principal.id)
    .execute();
  if (own.length === 0) {
    throw conflict('no-passkey', 'You have no passkey yet.', { hint: 'Register one under My sign-in.' });
  }
  const secret = await beginCeremony(ctx.db, {
    kind: 'step-up',
    principalId: caller.principal.id,
    tokenId: caller.tokenId,
    sourceAddress: caller.sourceAddress,
    lifetimeSeconds: PASSKEY_SECONDS,
  });
  const allow = own.map((row) => ({
    id: row.credential_id.toString('base64url'),
    transports: row.transports,
  }));
  return { options: await question(ctx, secret, allow), secret };
}

/** The session goes on under a new token. Errors: as `finishPasskeySignIn`, `browser-only`. */
export async function finishStepUp(
  ctx: SignInContext,
  caller: BrowserCaller,
  secret: string,
  passkey: UsedPasskey,
): Promise<SignedIn> {
  requireBrowser(caller);
  return noted(ctx, caller.sourceAddress, async (know) => {
    const ceremony = await takeCeremony(ctx.db, 'step-up', secret);
    if (ceremony?.tokenId !== caller.tokenId) throw passkeyOver();
    const { principal, handedBy } = await verifyUse(ctx, secret, passkey, caller.principal.id, know);
    return ctx.db
      .transaction()
      .execute((trx) => stepUpSession(trx, principal, caller.tokenId, caller.sourceAddress, handedBy));
  });
}

async function question(
  ctx: SignInContext,
  secret: Secret,
  allowCredentials: { id: string; transports: string[] }[],
): Promise<PasskeyOptions> {
  const options = await generateAuthenticationOptions({
    rpID: relyingParty(ctx).id,
    challenge: new Uint8Array(Buffer.from(derived(secret.reveal(), 'challenge'), 'base64url')),
    timeout: PASSKEY_SECONDS * 1000,
    userVerification: 'required',
    allowCredentials,
  });
  return passkeyOptions.parse({ ...options, allowCredentials: options.allowCredentials ?? [] });
}

/** Whose passkey it is, and whose voice besides. `expected`: only that person's is accepted. */
async function verifyUse(
  ctx: SignInContext,
  secret: string,
  passkey: UsedPasskey,
  expected: string | null,
  know: (principal: Principal) => void,
): Promise<{ principal: Principal; handedBy: string[] }> {
  const row = await passkeyByCredential(ctx.db, passkey.id);
  if (row === undefined || (expected !== null && row.principal_id !== expected)) throw passkeyRefused();
  const { userHandle } = passkey.response;
  const said = userHandle === undefined ? null : Buffer.from(userHandle, 'base64url').toString();
  if (said === null ? expected === null : said !== row.principal_id) throw passkeyRefused();
  const principal = await principalById(ctx.db, row.principal_id);
  know(principal);
  const { id, origin } = relyingParty(ctx);
  let result: VerifiedAuthenticationResponse;
  try {
    result = await verifyAuthenticationResponse({
      response: { ...passkey, response: withoutUndefined(passkey.response), clientExtensionResults: {} },
      expectedChallenge: derived(secret, 'challenge'),
      expectedOrigin: origin,
      expectedRPID: id,
      requireUserVerification: true,
      // The counter is compared in the store, where two answers at once cannot both pass.
      credential: {
        id: row.credential_id.toString('base64url'),
        publicKey: new Uint8Array(row.public_key),
        counter: 0,
      },
    });
  } catch (error) {
    throw passkeyRefused(error);
  }
  if (!result.verified) throw passkeyRefused();
  const { newCounter, credentialBackedUp } = result.authenticationInfo;
  if (!(await noteUse(ctx.db, row.id, newCounter, credentialBackedUp))) {
    throw new Failure('denied', 'passkey-copied', 'This passkey seems to be a copy; it was not accepted.', {
      hint: 'Remove it under My sign-in with another one, and tell an administrator.',
    });
  }
  return { principal, handedBy: isTheirOwnBy(row.created_at) ? [] : row.handed_by };
}

function withoutUndefined({ userHandle, ...needed }: UsedPasskey['response']) {
  return userHandle === undefined ? needed : { ...needed, userHandle };
}

async function noted<T>(
  ctx: SignInContext,
  address: string,
  act: (know: (principal: Principal) => void) => Promise<T>,
): Promise<T> {
  let whose: Principal | null = null;
  const know = (principal: Principal) => {
    whose = principal;
  };
  try {
    return await act(know);
  } catch (error) {
    if (error instanceof Failure) {
      const actor = whose === null ? null : actorOf(whose);
      await ctx.failures.note({ how: 'passkey', code: error.code, address, actor });
    }
    throw error;
  }
}
