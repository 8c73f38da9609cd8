// Tokens of people and services in the hands of administrators: issued, listed, revoked. What is issued by way of a
// limited token keeps that token's limits, so that no token makes a wider one.

import { sql } from 'kysely';
import type { IssuedToken, IssueTokenBody, TokenView } from '../api/people.ts';
import { isWithin, parseAddressRange } from '../base/address-ranges.ts';
import { parseDuration } from '../base/duration.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import type { Administrator } from './administer.ts';
import { actorOf, type Principal, principalByName } from './principals.ts';
import { issueToken, limitsFrom, revokeToken, type TokenLimits } from './tokens.ts';

const DAY_SECONDS = 86_400;
/** A directory or a job that cannot log in anew needs more than a person, who can. */
const LONGEST_LIFETIME_SECONDS: Readonly<Record<Principal['kind'], number>> = {
  person: 24 * DAY_SECONDS,
  service: 180 * DAY_SECONDS,
  agent: 24 * DAY_SECONDS,
};
/** Of one principal, live, without those of browsers. */
const MOST_LIVE_TOKENS = 50;
const MOST_LISTED = 500;

/**
 * One more token; those before it go on. Errors: `unknown-principal`, `principal-disabled`, `too-many-tokens`,
 * `invalid-duration`, `invalid-address-range`, `wider-than-yours`.
 */
export async function giveToken(
  db: Db,
  name: string,
  body: IssueTokenBody,
  by: Administrator & { limits: TokenLimits; handedBy: readonly string[] },
): Promise<IssuedToken> {
  const principal = await principalByName(db, name);
  const limits = limitsWithin(by.limits, {
    scopes: body.scopes ?? null,
    addressRanges: body.addresses ?? null,
  });
  const lifetimeSeconds = parseDuration(body.lifetime, 'lifetime', LONGEST_LIFETIME_SECONDS[principal.kind]);
  const issued = await db.transaction().execute(async (trx) => {
    // One at a time for a principal, so that the count holds; and who is disabled by now gets none.
    const { rows } = await sql<{ disabled: boolean }>`
      select disabled_at is not null as disabled from principals where id = ${principal.id} for update`.execute(
      trx,
    );
    if (rows[0]?.disabled !== false) throw conflict('principal-disabled', `${name} is disabled.`);
    const { live } = await trx
      .selectFrom('tokens')
      .select((eb) => eb.fn.countAll<number>().as('live'))
      .where('principal_id', '=', principal.id)
      .where('kind', '=', 'api')
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirstOrThrow();
    if (live >= MOST_LIVE_TOKENS) {
      throw new Failure(
        'limit',
        'too-many-tokens',
        `${name} has ${live} live tokens; ${MOST_LIVE_TOKENS} are the most.`,
        { hint: `Revoke one: \`sally principal tokens list ${name}\`.` },
      );
    }
    return issueToken(trx, {
      principalId: principal.id,
      kind: 'api',
      name: body.name ?? `from ${by.principal.name}`,
      lifetimeSeconds,
      limits,
      handedBy: by.handedBy,
      by: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
    });
  });
  return { id: issued.id, token: issued.token.reveal(), expiresAt: issued.expiresAt.toISOString() };
}

function limitsWithin(own: TokenLimits, asked: TokenLimits): TokenLimits {
  const ranges = asked.addressRanges?.map(parseAddressRange) ?? null;
  const outer = own.addressRanges?.map(parseAddressRange) ?? null;
  const scopesFit =
    own.scopes === null || (asked.scopes?.every((scope) => own.scopes?.includes(scope)) ?? false);
  const rangesFit = outer === null || (ranges?.every((range) => isWithin(outer, range)) ?? false);
  if (scopesFit && rangesFit) return asked;
  throw new Failure(
    'denied',
    'wider-than-yours',
    'The token that this call came with is limited, and issues none that is wider.',
    { hint: 'Name scopes and addresses that it has itself, or use an unlimited token.' },
  );
}

/** Newest first, the dead ones too, at most 500. Errors: `unknown-principal`. */
export async function listTokens(db: Db, name: string): Promise<TokenView[]> {
  const principal = await principalByName(db, name);
  const rows = await db
    .selectFrom('tokens as t')
    .leftJoin('principals as by', 'by.id', 't.issued_by')
    .select(['t.id', 't.kind', 't.name', 't.scopes', 't.address_ranges', 't.created_at', 't.expires_at'])
    .select(['t.revoked_at', 't.last_used_at', 'by.name as issued_by_name'])
    .select(sql<boolean>`t.expires_at <= now()`.as('over'))
    .where('t.principal_id', '=', principal.id)
    .orderBy('t.id', 'desc')
    .limit(MOST_LISTED)
    .execute();
  return rows.map((row) => {
    const { scopes, addressRanges } = limitsFrom(row);
    return {
      id: row.id,
      kind: row.kind,
      name: row.name,
      scopes: scopes === null ? null : [...scopes],
      addresses: addressRanges === null ? null : [...addressRanges],
      issuedBy: row.issued_by_name,
      issuedAt: row.created_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
      state: row.revoked_at !== null ? 'revoked' : row.over ? 'expired' : 'live',
    };
  });
}

/** Twice is once. Errors: `unknown-principal`; `unknown-token`, also for another principal's. */
export async function revokeTokenOf(
  db: Db,
  name: string,
  tokenId: string,
  by: Administrator,
): Promise<TokenView> {
  const principal = await principalByName(db, name);
  await db.transaction().execute(async (trx) => {
    const known = await trx
      .selectFrom('tokens')
      .select('id')
      .where('id', '=', tokenId)
      .where('principal_id', '=', principal.id)
      .executeTakeFirst();
    if (known === undefined) throw notFound('token', tokenId);
    await revokeToken(trx, tokenId, actorOf(by.principal), by.sourceAddress);
    // Logins by code that were allowed in the last minutes, with this token's word perhaps, do not come after it.
    await trx.deleteFrom('device_logins').where('principal_id', '=', principal.id).execute();
  });
  const revoked = (await listTokens(db, name)).find((one) => one.id === tokenId);
  if (revoked === undefined) throw notFound('token', tokenId);
  return revoked;
}
