// Signing in to the portal: a token is exchanged for a browser's own, so that the one that was typed in can be
// revoked apart. Failures are counted by address, so that who keeps guessing is told to stop.

import { append } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import { actorOf, type Principal, principalByName } from './principals.ts';
import {
  type Authenticated,
  authenticate,
  BROWSER_SECONDS,
  issueToken,
  revokeToken,
  signedInWith,
} from './tokens.ts';

export interface SignedIn {
  principal: Principal;
  token: Secret;
  expiresAt: Date;
}

export interface Principals {
  /** Errors: `unauthenticated`; `too-many-failures` for an address that failed too often. */
  authenticate(token: string, address: string): Promise<Authenticated>;
  /** A browser's token for who holds the access token `token`; it ends with that. Errors: as `authenticate`, `browser-token`. */
  signIn(token: string, address: string): Promise<SignedIn>;
  /** The demo's one click; the route lets only this machine in. Errors: `unknown-principal`. */
  signInAs(name: string, address: string): Promise<SignedIn>;
  signOut(tokenId: string, by: Principal, address: string): Promise<void>;
}

const MOST_FAILURES = 30;
const FAILURE_WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

export function createPrincipals(ctx: { db: Db }): Principals {
  const failures = new Map<string, { count: number; since: number }>();

  // A token that is right is let in whatever its neighbours behind the same address send: the count only turns away
  // those who keep failing, so that nobody can lock out others.
  async function counted(token: string, address: string): Promise<Authenticated> {
    try {
      return await authenticate(ctx.db, token);
    } catch (error) {
      if (error instanceof Failure && error.kind === 'unauthenticated') noteFailure(address);
      throw error;
    }
  }

  function noteFailure(address: string): void {
    const kept = failures.get(address);
    const entry =
      kept === undefined || monotonicMs() - kept.since > FAILURE_WINDOW_MS
        ? { count: 0, since: monotonicMs() }
        : kept;
    entry.count += 1;
    if (failures.size >= MOST_ADDRESSES) failures.clear();
    failures.set(address, entry);
    if (entry.count <= MOST_FAILURES) return;
    throw new Failure(
      'limit',
      'too-many-failures',
      'Too many failed sign-ins from this address; wait a minute.',
    );
  }

  async function browserToken(
    principal: Principal,
    address: string,
    how: 'token' | 'demo',
    made: { name: string; lifetimeSeconds: number } = { name: how, lifetimeSeconds: BROWSER_SECONDS },
  ): Promise<SignedIn> {
    return ctx.db.transaction().execute(async (trx) => {
      const issued = await issueToken(trx, {
        principalId: principal.id,
        kind: 'browser',
        ...made,
        by: actorOf(principal),
        sourceAddress: address,
      });
      await append(trx, {
        kind: 'sign-in',
        actor: actorOf(principal),
        sourceAddress: address,
        detail: { how },
      });
      return { principal, token: issued.token, expiresAt: issued.expiresAt };
    });
  }

  return {
    authenticate: counted,
    async signIn(token, address) {
      const signed = await counted(token, address);
      // Otherwise a copied cookie could renew itself for ever.
      if (signed.tokenKind === 'browser') {
        throw new Failure('denied', 'browser-token', "A browser's own token signs nobody in.", {
          hint: 'Use an access token.',
        });
      }
      return browserToken(signed.principal, address, 'token', {
        name: signedInWith(signed.tokenId),
        lifetimeSeconds: Math.min(BROWSER_SECONDS, signed.leftSeconds),
      });
    },
    async signInAs(name, address) {
      return browserToken(await principalByName(ctx.db, name), address, 'demo');
    },
    async signOut(tokenId, by, address) {
      await ctx.db.transaction().execute((trx) => revokeToken(trx, tokenId, actorOf(by), address));
    },
  };
}
