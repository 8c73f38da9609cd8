// A token or a registration link that an administrator hands out for somebody else could be used by that administrator.
// So what comes of it is not a second voice beside them: it carries their name (`handed_by`), and where people are counted
// both are one. A token stays so; a passkey or a link with the provider is its person's own after a week, in which they
// see it in their list; a session is its person's own once an own passkey was used in it.

import { sql } from 'kysely';
import type { IssuedToken, IssueTokenBody } from '../api/people.ts';
import type { Db } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import { personOf } from '../grants/handed-voice.ts';
import type { Caller } from '../grants/submit.ts';
import { giveToken } from '../identity/manage-tokens.ts';
import { type Principal, principalByName } from '../identity/principals.ts';
import { issueLink } from '../identity/registration-links.ts';
import type { SignInContext } from '../identity/sign-in-context.ts';
import type { TokenLimits } from '../identity/tokens.ts';
import { isAlone } from './second.ts';

export type Handing = Caller & { limits: TokenLimits };

/** Errors: as `giveToken` of identity. */
export async function handOutToken(
  ctx: GrantsContext,
  name: string,
  body: IssueTokenBody,
  by: Handing,
): Promise<IssuedToken> {
  const handedBy = await whoseHands(ctx, await principalByName(ctx.db, name), by);
  return giveToken(ctx.db, name, body, { ...by, handedBy });
}

/** Errors: as `issueLink` of identity. */
export async function handOutLink(
  ctx: GrantsContext,
  signIn: SignInContext,
  input: { name: string; lifetimeSeconds: number },
  by: Caller,
): Promise<{ url: string; expiresAt: string }> {
  const handedBy = await whoseHands(ctx, await principalByName(ctx.db, input.name), by);
  return issueLink(signIn, input.name, input.lifetimeSeconds, by, handedBy);
}

/**
 * Ids of those whose voice it also is. Nobody's but of whoever handed to the giver, where somebody comes in for the first
 * time and there is nobody else who could agree to anything (second.ts): that is how an installation begins.
 */
async function whoseHands(ctx: GrantsContext, to: Principal, by: Caller): Promise<string[]> {
  const before = [...(by.handedBy ?? [])];
  if (to.kind !== 'person' || personOf(to) === personOf(by.principal)) return before;
  const first = !(await hasAWayIn(ctx.db, to.id));
  if (first && (await isAlone(ctx, ctx.db, by.principal, to))) return before;
  return [...new Set([...before, by.principal.id])];
}

async function hasAWayIn(db: Db, principalId: string): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (select 1 from passkeys where principal_id = ${principalId})
      or exists (select 1 from identities where principal_id = ${principalId})
      or exists (select 1 from tokens where principal_id = ${principalId}
        and revoked_at is null and expires_at > now()) as known`.execute(db);
  return rows[0]?.known === true;
}
