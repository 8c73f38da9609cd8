// A link with which one person registers a passkey, once, and is signed in: for the first day and for a lost device.
// An administrator makes it and hands it over in person; its code stands behind #, so that no server's log has it.

import type { NewPasskey, RegistrationOptions } from '../api/sign-in.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, invalid } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { Administrator } from './administer.ts';
import { accountDisabled, browserTokenId, openBrowserSession, type SignedIn } from './browser-session.ts';
import { beginCeremony, lookAtCeremony, takeCeremony } from './ceremonies.ts';
import { askForPasskey, keepPasskey, verifyNew } from './passkeys.ts';
import { actorOf, type Principal, principalById, principalByName } from './principals.ts';
import type { From } from './sign-in.ts';
import type { SignInContext } from './sign-in-context.ts';

const LONGEST_LINK_SECONDS = 7 * 86_400;

/** Those before it are worth nothing then. Errors: `unknown-principal`, `principal-disabled`, `not-a-person`. */
export async function issueLink(
  ctx: SignInContext,
  name: string,
  lifetimeSeconds: number,
  by: Administrator,
  handedBy: readonly string[],
): Promise<{ url: string; expiresAt: string }> {
  if (lifetimeSeconds > LONGEST_LINK_SECONDS) throw invalid('lifetime', 'A link works for 7 days at most.');
  const principal = await principalByName(ctx.db, name);
  if (principal.disabled) throw conflict('principal-disabled', `${name} is disabled.`);
  if (principal.kind !== 'person') throw conflict('not-a-person', 'Only people have passkeys.');
  const code = await ctx.db.transaction().execute(async (trx) => {
    await trx
      .deleteFrom('ceremonies')
      .where('kind', '=', 'registration-link')
      .where('principal_id', '=', principal.id)
      .execute();
    await append(trx, {
      kind: 'registration-link.issued',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: {
        principal: { id: principal.id, name, kind: principal.kind },
        lifetimeSeconds,
        handedBy: handedBy.length > 0 ? handedBy : undefined,
      },
    });
    return beginCeremony(trx, {
      kind: 'registration-link',
      principalId: principal.id,
      sourceAddress: by.sourceAddress,
      lifetimeSeconds,
      detail: { handedBy },
    });
  });
  return {
    url: `${ctx.publicUrl()}/register#${code.reveal()}`,
    expiresAt: new Date(Date.now() + lifetimeSeconds * 1000).toISOString(),
  };
}

/** Errors, noted: `link-over`, `account-disabled`; `too-many-passkeys`. */
export async function openLink(
  ctx: SignInContext,
  code: string,
  address: string,
): Promise<{ principal: Principal; options: RegistrationOptions; secret: Secret }> {
  return noted(ctx, address, async () => {
    const principal = await personOf(
      ctx,
      (await lookAtCeremony(ctx.db, 'registration-link', code))?.principalId,
    );
    return { principal, ...(await askForPasskey(ctx, principal, address, null, false)) };
  });
}

/** Signs in with the new passkey. Errors, noted: as `openLink`, `passkey-over`, `passkey-refused`, `passkey-known`. */
export async function registerByLink(
  ctx: SignInContext,
  code: string,
  secret: string,
  given: { name: string; passkey: NewPasskey },
  from: From,
): Promise<SignedIn> {
  return noted(ctx, from.address, async () => {
    const principal = await personOf(
      ctx,
      (await lookAtCeremony(ctx.db, 'registration-link', code))?.principalId,
    );
    const whose = { principalId: principal.id, tokenId: null };
    const verified = await verifyNew(ctx, secret, given.passkey, whose);
    const replaces = await browserTokenId(ctx.db, from.cookie);
    return ctx.db.transaction().execute(async (trx) => {
      // Of two who use it at once, one has it.
      const taken = await takeCeremony(trx, 'registration-link', code);
      if (taken === null) throw linkOver();
      const handedBy = idsIn(taken.detail.handedBy);
      await keepPasskey(trx, principal, verified, { ...given, handedBy }, from.address);
      return openBrowserSession(trx, {
        principal,
        how: 'link',
        address: from.address,
        replaces,
        withPasskey: true,
        handedBy,
      });
    });
  });
}

function idsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

async function personOf(ctx: SignInContext, principalId: string | null | undefined): Promise<Principal> {
  if (principalId == null) throw linkOver();
  const principal = await principalById(ctx.db, principalId);
  if (principal.disabled) throw accountDisabled();
  return principal;
}

async function noted<T>(ctx: SignInContext, address: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Failure && error.kind === 'denied')
      await ctx.failures.note({ how: 'link', code: error.code, address });
    throw error;
  }
}

function linkOver(): Failure {
  return new Failure('denied', 'link-over', 'This link is used, too old, or was replaced by a newer one.', {
    hint: 'Ask an administrator for another.',
  });
}
