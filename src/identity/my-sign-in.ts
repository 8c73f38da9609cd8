// How somebody signs in, for themselves: the session that they have, the provider, their passkeys.

import { sql } from 'kysely';
import type { MySignIn } from '../api/sign-in.ts';
import { listPasskeys, MOST_PASSKEYS } from './passkeys.ts';
import type { BrowserCaller, SignInContext } from './sign-in-context.ts';

export async function viewMySignIn(ctx: SignInContext, caller: BrowserCaller): Promise<MySignIn> {
  const [token, identity, passkeys] = await Promise.all([
    ctx.db.selectFrom('tokens').select('signed_in_by').where('id', '=', caller.tokenId).executeTakeFirst(),
    ctx.oidc === null
      ? undefined
      : ctx.db
          .selectFrom('identities')
          .select('subject')
          .where('principal_id', '=', caller.principal.id)
          // As the provider writes it: with a slash at its end or without.
          .where(sql<string>`rtrim(issuer, '/')`, '=', ctx.oidc.settings.issuer.replace(/\/+$/, ''))
          .executeTakeFirst(),
    listPasskeys(ctx.db, caller.principal.id),
  ]);
  const how = token?.signed_in_by ?? null;
  return {
    how,
    passkeyAgeSeconds: caller.mfaAgeSeconds,
    provider: ctx.oidc === null ? null : { name: ctx.oidc.settings.name, linked: identity !== undefined },
    passkeys,
    mostPasskeys: MOST_PASSKEYS,
    providerSignOut: how === 'oidc' ? (ctx.oidc?.signOutUrl(`${ctx.publicUrl()}/sign-in`) ?? null) : null,
  };
}
