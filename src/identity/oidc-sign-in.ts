// Signing in at the provider, from the button to the session. A person is who has the provider's issuer and subject,
// never who has the same e-mail or name (ADR 18). Groups and attributes follow the claims at each sign-in; groups that
// were given here stay.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { codeOf, conflict, Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { Trx } from '../db/client.ts';
import { browserTokenId, openBrowserSession, type SignedIn } from './browser-session.ts';
import { beginCeremony, type Ceremony, derived, takeCeremony } from './ceremonies.ts';
import { type PersonClaims, personFrom } from './oidc-claims.ts';
import type { Checks, OidcProvider } from './oidc-provider.ts';
import {
  actorOf,
  createPrincipal,
  ensureGroup,
  type Principal,
  principalById,
  principalFrom,
  selectPrincipals,
} from './principals.ts';
import type { From } from './sign-in.ts';
import { type BrowserCaller, isTheirOwnBy, requireFresh, type SignInContext } from './sign-in-context.ts';

export const OIDC_CALLBACK = '/api/sign-in/oidc/callback';
/** From the button to the way back: a password, a second factor, a forgotten phone in the next room. */
export const OIDC_MINUTES = 10;

export interface OidcBegun {
  /** Where the browser goes. */
  url: string;
  /** What it must bring back, in a cookie. */
  secret: Secret;
}

/** `linkTo`: who is signed in and wants this way too. Errors: `unknown-provider`, `provider-unreachable`, as `requireFresh`. */
export async function beginOidc(
  ctx: SignInContext,
  from: From,
  next: string | null,
  linkTo: BrowserCaller | null,
): Promise<OidcBegun> {
  const provider = providerOf(ctx);
  if (linkTo !== null) await requireFresh(ctx, linkTo);
  const secret = await beginCeremony(ctx.db, {
    kind: 'oidc',
    principalId: linkTo?.principal.id ?? null,
    tokenId: linkTo?.tokenId ?? (await browserTokenId(ctx.db, from.cookie)),
    sourceAddress: from.address,
    detail: { next },
    lifetimeSeconds: OIDC_MINUTES * 60,
  });
  return { url: await provider.authorizationUrl(callbackOf(ctx), checksOf(secret.reveal())), secret };
}

export interface OidcDone {
  /** null when the identity was linked to who was signed in already. */
  signed: SignedIn | null;
  /** A path of the portal, or null for its first page. */
  next: string | null;
}

/**
 * `query` is what the provider sent the browser back with; `secret` the browser's own.
 * Errors, all noted: `sign-in-over`, `provider-unreachable`, `provider-refused`, `answer-refused`, `not-allowed`,
 * `unknown-person`, `name-unusable`, `name-taken`, `identity-taken`, `account-disabled`, `too-many-failures`.
 */
export async function finishOidc(
  ctx: SignInContext,
  secret: string,
  query: string,
  address: string,
): Promise<OidcDone> {
  let whose: Principal | null = null;
  let identity: Record<string, unknown> = {};
  try {
    const provider = providerOf(ctx);
    const ceremony = await takeCeremony(ctx.db, 'oidc', secret);
    if (ceremony === null) throw signInOver();
    const answer = new URL(callbackOf(ctx));
    answer.search = query;
    const claims = await provider.exchange(answer, checksOf(secret));
    identity = { issuer: claims.iss, subject: claims.sub };
    const person = personFrom(provider.settings, claims);
    whose = await knownPerson(ctx, person);
    const signed = await ctx.db.transaction().execute(async (trx) => {
      if (ceremony.principalId !== null) return link(trx, ceremony, person, address);
      const { principal, handedBy } = await personOf(trx, provider, person, address);
      whose = principal;
      return openBrowserSession(trx, {
        principal,
        how: 'oidc',
        handedBy,
        address,
        replaces: ceremony.tokenId,
      });
    });
    const { next } = ceremony.detail;
    return { signed, next: typeof next === 'string' ? next : null };
  } catch (error) {
    if (error instanceof Failure) {
      await ctx.failures.note({
        how: 'oidc',
        code: error.code,
        address,
        actor: whose === null ? null : actorOf(whose),
        // A word of the library's own, never a text of the answer.
        detail: { ...identity, why: codeOf(error.cause) },
      });
    }
    throw error;
  }
}

function providerOf(ctx: SignInContext): OidcProvider {
  if (ctx.oidc !== null) return ctx.oidc;
  throw new Failure('not-found', 'unknown-provider', 'This installation has no identity provider.');
}

const callbackOf = (ctx: SignInContext): string => `${ctx.publicUrl()}${OIDC_CALLBACK}`;

const checksOf = (secret: string): Checks => ({
  state: derived(secret, 'state'),
  nonce: derived(secret, 'nonce'),
  pkce: derived(secret, 'pkce'),
});

async function knownPerson(ctx: SignInContext, person: PersonClaims): Promise<Principal | null> {
  const row = await selectPrincipals(ctx.db)
    .innerJoin('identities as i', 'i.principal_id', 'p.id')
    .where('i.issuer', '=', person.issuer)
    .where('i.subject', '=', person.subject)
    .executeTakeFirst();
  return row === undefined ? null : principalFrom(row);
}

/** Who that is, found or made, brought up to what the provider says. */
async function personOf(
  trx: Trx,
  provider: OidcProvider,
  person: PersonClaims,
  address: string,
): Promise<{ principal: Principal; handedBy: string[] }> {
  const known = await trx
    .updateTable('identities')
    .set({ last_used_at: sql<Date>`now()` })
    .where('issuer', '=', person.issuer)
    .where('subject', '=', person.subject)
    .returning(['principal_id', 'handed_by', 'linked_at'])
    .executeTakeFirst();
  if (known !== undefined) {
    const principal = await principalById(trx, known.principal_id);
    // Of somebody who is not let in, nothing is changed either.
    return {
      principal: principal.disabled ? principal : await follow(trx, principal, person, address),
      handedBy: isTheirOwnBy(known.linked_at) ? [] : known.handed_by,
    };
  }
  const made = await makePerson(trx, provider, person, address);
  await insertIdentity(trx, made, person, address, []);
  return { principal: await follow(trx, made, person, address), handedBy: [] };
}

async function makePerson(
  trx: Trx,
  provider: OidcProvider,
  person: PersonClaims,
  address: string,
): Promise<Principal> {
  if (provider.settings.unknownPeople === 'refuse') {
    throw new Failure(
      'denied',
      'unknown-person',
      'Nobody here is linked with your account at the provider.',
      {
        hint: 'If you have an account here, sign in another way and link it under My sign-in.',
      },
    );
  }
  if (person.login === null) {
    throw new Failure('denied', 'name-unusable', 'The provider gives no login name that can be one here.');
  }
  const taken = await trx
    .selectFrom('principals')
    .select('id')
    .where('name', '=', person.login)
    .executeTakeFirst();
  // Whoever has that name here may be somebody else: the same name proves nothing.
  if (taken !== undefined) throw nameTaken(person.login);
  const { login, displayName, accountType, title } = person;
  return createPrincipal(
    trx,
    {
      kind: 'person',
      name: login,
      displayName: displayName ?? login,
      ...(accountType === undefined ? {} : { accountType }),
      ...(title === undefined || title === null ? {} : { title }),
      groups: [],
    },
    SYSTEM_ACTOR,
    address,
  );
}

function nameTaken(login: string): Failure {
  return conflict('name-taken', `There is somebody called "${login}" here already.`, {
    hint: 'If that is you, sign in another way and link the provider under My sign-in.',
  });
}

// The session may have ended, or its person may have been disabled, while the browser was at the provider.
async function link(trx: Trx, ceremony: Ceremony, person: PersonClaims, address: string): Promise<null> {
  const row = await selectPrincipals(trx)
    .innerJoin('tokens as t', 't.principal_id', 'p.id')
    .select('t.handed_by')
    .where('t.id', '=', ceremony.tokenId)
    .where('p.id', '=', ceremony.principalId)
    .where('t.revoked_at', 'is', null)
    .where('t.expires_at', '>', sql<Date>`now()`)
    .where('p.disabled_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw signInOver();
  const principal = principalFrom(row);
  await insertIdentity(trx, principal, person, address, row.handed_by);
  await follow(trx, principal, person, address);
  return null;
}

async function insertIdentity(
  trx: Trx,
  principal: Principal,
  person: PersonClaims,
  address: string,
  handedBy: string[],
): Promise<void> {
  const { issuer, subject } = person;
  const inserted = await trx
    .insertInto('identities')
    .values({
      issuer,
      subject,
      principal_id: principal.id,
      last_used_at: sql<Date>`now()`,
      handed_by: handedBy,
    })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (Number(inserted.numInsertedOrUpdatedRows ?? 0) === 0) {
    throw conflict('identity-taken', 'That account is linked here already, or you are linked with another.', {
      hint: 'Ask an administrator.',
    });
  }
  await append(trx, {
    kind: 'identity.linked',
    actor: actorOf(principal),
    sourceAddress: address,
    detail: { issuer, subject },
  });
}

/** Name, type, title and the groups from this issuer become what the provider says now; an entry says what changed. */
async function follow(
  trx: Trx,
  principal: Principal,
  person: PersonClaims,
  address: string,
): Promise<Principal> {
  const { issuer, groups } = person;
  const held = await trx
    .selectFrom('provider_memberships as m')
    .innerJoin('groups as g', 'g.id', 'm.group_id')
    .select('g.name')
    .where('m.principal_id', '=', principal.id)
    .where('m.issuer', '=', issuer)
    .execute();
  const before = new Set(held.map((row) => row.name));
  const joined = groups.filter((name) => !before.has(name));
  const left = [...before].filter((name) => !groups.includes(name)).sort();
  const wanted = {
    displayName: person.displayName ?? principal.displayName,
    accountType: person.accountType ?? principal.accountType,
    title: person.title === undefined ? principal.title : person.title,
  };
  const changed = Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => principal[key as keyof typeof wanted] !== value),
  );
  if (joined.length + left.length + Object.keys(changed).length === 0) return principal;
  await trx
    .updateTable('principals')
    .set({ display_name: wanted.displayName, account_type: wanted.accountType, title: wanted.title })
    .where('id', '=', principal.id)
    .execute();
  await setGroups(trx, principal.id, issuer, groups);
  await append(trx, {
    kind: 'principal.followed',
    actor: actorOf(principal),
    sourceAddress: address,
    detail: { issuer, joined, left, ...changed },
  });
  return principalById(trx, principal.id);
}

async function setGroups(trx: Trx, principalId: string, issuer: string, groups: string[]): Promise<void> {
  await trx
    .deleteFrom('provider_memberships')
    .where('principal_id', '=', principalId)
    .where('issuer', '=', issuer)
    .execute();
  for (const group of groups) await ensureGroup(trx, group);
  if (groups.length === 0) return;
  await trx
    .insertInto('provider_memberships')
    .columns(['issuer', 'group_id', 'principal_id'])
    .expression((eb) =>
      eb
        .selectFrom('groups')
        .where('name', 'in', groups)
        .select([sql.val(issuer).as('issuer'), 'id', sql.val(principalId).as('principal_id')]),
    )
    .execute();
}

function signInOver(): Failure {
  return new Failure(
    'denied',
    'sign-in-over',
    'This sign-in is over: used, too old, or of another browser.',
    {
      hint: 'Begin again.',
    },
  );
}
