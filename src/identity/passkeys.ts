// Passkeys of people (WebAuthn): made for one name, the public address's, verified by the authenticator itself (PIN,
// finger, face), found without a login name. What stays here is a public key and a counter.

import {
  generateRegistrationOptions,
  type VerifiedRegistrationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { sql } from 'kysely';
import {
  type NewPasskey,
  type Passkey,
  type RegistrationOptions,
  registrationOptions,
} from '../api/sign-in.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import { beginCeremony, derived, takeCeremony } from './ceremonies.ts';
import { actorOf, type Principal } from './principals.ts';
import { type BrowserCaller, requireFresh, type SignInContext } from './sign-in-context.ts';

/** A person's devices and a spare; more would be somebody's collection. */
export const MOST_PASSKEYS = 10;
/** From the question to the answer, with a search for the security key. */
export const PASSKEY_SECONDS = 300;
/** EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];
const PRODUCT = 'Sallyport';

/** The name that passkeys belong to, and the one page that they are used on. */
export function relyingParty(ctx: Pick<SignInContext, 'publicUrl'>): { id: string; origin: string } {
  const { origin, hostname } = new URL(ctx.publicUrl());
  return { id: hostname, origin };
}

export async function listPasskeys(db: Db, principalId: string): Promise<Passkey[]> {
  const rows = await db
    .selectFrom('passkeys')
    .select(['id', 'name', 'created_at', 'last_used_at', 'backed_up'])
    .where('principal_id', '=', principalId)
    .orderBy('created_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    synced: row.backed_up,
  }));
}

/** Errors: as `requireFresh`; `link-needed`, `too-many-passkeys`. */
export async function beginRegistration(
  ctx: SignInContext,
  caller: BrowserCaller,
): Promise<{ options: RegistrationOptions; secret: Secret }> {
  await requireFresh(ctx, caller);
  return askForPasskey(
    ctx,
    caller.principal,
    caller.sourceAddress,
    caller.tokenId,
    ctx.firstPasskey === 'link',
  );
}

/** `tokenId`: the session that must give the answer; null for a registration link. */
export async function askForPasskey(
  ctx: SignInContext,
  principal: Principal,
  address: string,
  tokenId: string | null,
  notTheFirst: boolean,
): Promise<{ options: RegistrationOptions; secret: Secret }> {
  const known = await ctx.db
    .selectFrom('passkeys')
    .select(['credential_id', 'transports'])
    .where('principal_id', '=', principal.id)
    .execute();
  if (known.length === 0 && notTheFirst) {
    throw new Failure('denied', 'link-needed', 'The first passkey is registered with a link.', {
      hint: 'An administrator makes one: `sally principal link`.',
    });
  }
  if (known.length >= MOST_PASSKEYS) throw tooMany();
  const secret = await beginCeremony(ctx.db, {
    kind: 'passkey-registration',
    principalId: principal.id,
    tokenId,
    sourceAddress: address,
    lifetimeSeconds: PASSKEY_SECONDS,
  });
  const options = await generateRegistrationOptions({
    rpName: PRODUCT,
    rpID: relyingParty(ctx).id,
    userName: principal.name,
    userDisplayName: principal.displayName,
    userID: new TextEncoder().encode(principal.id),
    challenge: new Uint8Array(Buffer.from(derived(secret.reveal(), 'challenge'), 'base64url')),
    timeout: PASSKEY_SECONDS * 1000,
    attestationType: 'none',
    excludeCredentials: known.map((row) => ({
      id: row.credential_id.toString('base64url'),
      transports: row.transports,
    })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
  return { options: registrationOptions.parse(options), secret };
}

/** Errors: `passkey-over`, `passkey-refused`, `passkey-known`, `too-many-passkeys`; as `requireFresh`. */
export async function finishRegistration(
  ctx: SignInContext,
  caller: BrowserCaller,
  secret: string,
  given: { name: string; passkey: NewPasskey },
): Promise<void> {
  await requireFresh(ctx, caller);
  const verified = await verifyNew(ctx, secret, given.passkey, {
    principalId: caller.principal.id,
    tokenId: caller.tokenId,
  });
  await ctx.db
    .transaction()
    .execute((trx) =>
      keepPasskey(
        trx,
        caller.principal,
        verified,
        { ...given, handedBy: caller.handedBy },
        caller.sourceAddress,
      ),
    );
}

export type VerifiedPasskey = NonNullable<VerifiedRegistrationResponse['registrationInfo']>;

/** The answer to a question that this very session, or nobody's, was asked. */
export async function verifyNew(
  ctx: SignInContext,
  secret: string,
  passkey: NewPasskey,
  whose: { principalId: string; tokenId: string | null },
): Promise<VerifiedPasskey> {
  const ceremony = await takeCeremony(ctx.db, 'passkey-registration', secret);
  if (ceremony?.principalId !== whose.principalId || ceremony.tokenId !== whose.tokenId) throw passkeyOver();
  const { id, origin } = relyingParty(ctx);
  const { clientDataJSON, attestationObject } = passkey.response;
  let result: VerifiedRegistrationResponse;
  try {
    result = await verifyRegistrationResponse({
      response: {
        ...passkey,
        response: { clientDataJSON, attestationObject },
        clientExtensionResults: {},
      },
      expectedChallenge: derived(secret, 'challenge'),
      expectedOrigin: origin,
      expectedRPID: id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
  } catch (error) {
    throw passkeyRefused(error);
  }
  if (!result.verified) throw passkeyRefused();
  return result.registrationInfo;
}

/** Errors: `passkey-known`, `too-many-passkeys`. */
export async function keepPasskey(
  trx: Trx,
  principal: Principal,
  verified: VerifiedPasskey,
  given: { name: string; passkey: NewPasskey; handedBy: readonly string[] },
  address: string,
): Promise<void> {
  const { credential, credentialBackedUp } = verified;
  // The lock keeps two tabs from both being the last that is allowed.
  await trx.selectFrom('principals').select('id').where('id', '=', principal.id).forUpdate().execute();
  const { count } = await trx
    .selectFrom('passkeys')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('principal_id', '=', principal.id)
    .executeTakeFirstOrThrow();
  if (count >= MOST_PASSKEYS) throw tooMany();
  const id = newId('passkey');
  const inserted = await trx
    .insertInto('passkeys')
    .values({
      id,
      principal_id: principal.id,
      credential_id: Buffer.from(credential.id, 'base64url'),
      public_key: Buffer.from(credential.publicKey),
      counter: credential.counter,
      transports: given.passkey.response.transports ?? [],
      backed_up: credentialBackedUp,
      name: given.name,
      handed_by: [...given.handedBy],
    })
    .onConflict((oc) => oc.column('credential_id').doNothing())
    .executeTakeFirst();
  if (Number(inserted.numInsertedOrUpdatedRows ?? 0) === 0) {
    throw conflict('passkey-known', 'This passkey is registered already.');
  }
  await append(trx, {
    kind: 'passkey.added',
    actor: actorOf(principal),
    sourceAddress: address,
    detail: { passkeyId: id, name: given.name, synced: credentialBackedUp },
  });
}

/** Errors: `unknown-passkey`; as `requireFresh`. */
export async function removePasskey(ctx: SignInContext, caller: BrowserCaller, id: string): Promise<void> {
  await requireFresh(ctx, caller);
  await ctx.db.transaction().execute(async (trx) => {
    const removed = await trx
      .deleteFrom('passkeys')
      .where('id', '=', id)
      .where('principal_id', '=', caller.principal.id)
      .returning('name')
      .executeTakeFirst();
    if (removed === undefined) throw notFound('passkey', id);
    await append(trx, {
      kind: 'passkey.removed',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { passkeyId: id, name: removed.name },
    });
  });
}

/** The passkey's row with its person, for use. */
export async function passkeyByCredential(db: Db, credentialId: string) {
  return db
    .selectFrom('passkeys')
    .selectAll()
    .where('credential_id', '=', Buffer.from(credentialId, 'base64url'))
    .executeTakeFirst();
}

/** False when the counter did not rise: then two authenticators hold the same passkey, one of them a copy. */
export async function noteUse(db: Db, id: string, counter: number, backedUp: boolean): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('passkeys')
    .set({ counter, backed_up: backedUp, last_used_at: sql<Date>`now()` })
    .where('id', '=', id)
    // Passkeys that are synced count nothing: they stay at zero.
    .where((eb) =>
      eb.or([eb('counter', '<', counter), eb.and([eb('counter', '=', 0), eb.val(counter === 0)])]),
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export function passkeyOver(): Failure {
  return new Failure('denied', 'passkey-over', 'That took too long, or was begun in another tab.', {
    hint: 'Try again.',
  });
}

export function passkeyRefused(cause?: unknown): Failure {
  return new Failure('denied', 'passkey-refused', 'This passkey was not accepted.', {
    hint: 'Try again, with another passkey, or sign in another way.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function tooMany(): Failure {
  return new Failure('limit', 'too-many-passkeys', `${MOST_PASSKEYS} passkeys are the most.`, {
    hint: 'Remove one that is no longer used.',
  });
}
