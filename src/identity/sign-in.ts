// Signing in to the portal with a token: it is exchanged for a browser's own, so that the one that was typed in can be
// revoked apart. Failures are counted and noted (failed-sign-ins.ts).

import { Failure } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { browserTokenId, openBrowserSession, type SignedIn } from './browser-session.ts';
import type { FailedSignIns } from './failed-sign-ins.ts';
import { actorOf, type Principal, principalByName } from './principals.ts';
import {
  type Authenticated,
  authenticate,
  BROWSER_SECONDS,
  ownerOf,
  revokeToken,
  signedInWith,
} from './tokens.ts';

/** Where a sign-in comes from: the address, and the cookie of the session that it replaces. */
export interface From {
  address: string;
  cookie: string | undefined;
}

export interface Principals {
  /** Errors: `unauthenticated`; `too-many-failures` for an address that failed too often. */
  authenticate(token: string, address: string): Promise<Authenticated>;
  /** A browser's token for who holds the access token `token`; it ends with that. Errors: as `authenticate`, `browser-token`. */
  signIn(token: string, from: From): Promise<SignedIn>;
  /** The demo's one click; the route lets only this machine in. Errors: `unknown-principal`, `account-disabled`. */
  signInAs(name: string, from: From): Promise<SignedIn>;
  signOut(tokenId: string, by: Principal, address: string): Promise<void>;
}

export function createPrincipals(ctx: { db: Db; failures: FailedSignIns }): Principals {
  // A token that is right is let in whatever its neighbours behind the same address send: the count only turns away
  // those who keep failing, so that nobody can lock out others.
  async function counted(token: string, address: string): Promise<Authenticated> {
    try {
      return await authenticate(ctx.db, token);
    } catch (error) {
      if (error instanceof Failure && error.kind === 'unauthenticated')
        await ctx.failures.note({ how: 'token', code: error.code, address }, () => ownerOf(ctx.db, token));
      throw error;
    }
  }

  return {
    authenticate: counted,
    async signIn(token, from) {
      const signed = await counted(token, from.address);
      // Otherwise a copied cookie could renew itself for ever.
      if (signed.tokenKind === 'browser') {
        throw new Failure('denied', 'browser-token', "A browser's own token signs nobody in.", {
          hint: 'Use an access token.',
        });
      }
      const replaces = await browserTokenId(ctx.db, from.cookie);
      return ctx.db.transaction().execute((trx) =>
        openBrowserSession(trx, {
          principal: signed.principal,
          how: 'token',
          handedBy: signed.handedBy,
          address: from.address,
          replaces,
          name: signedInWith(signed.tokenId),
          lifetimeSeconds: Math.min(BROWSER_SECONDS, signed.leftSeconds),
        }),
      );
    },
    async signInAs(name, from) {
      const principal = await principalByName(ctx.db, name);
      const replaces = await browserTokenId(ctx.db, from.cookie);
      return ctx.db
        .transaction()
        .execute((trx) =>
          openBrowserSession(trx, { principal, how: 'demo', address: from.address, replaces }),
        );
    },
    async signOut(tokenId, by, address) {
      await ctx.db.transaction().execute((trx) => revokeToken(trx, tokenId, actorOf(by), address));
    },
  };
}
