// A job's own token for a short one of Sallyport's: verified (algorithm, issuer, audience, type, time), used once,
// mapped to a service by rule, written down. Before the signature holds, every refusal is told alike.

import { createHash } from 'node:crypto';
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { sql } from 'kysely';
import { ACCESS_TOKEN_TYPE, type Exchanged } from '../../api/workload.ts';
import { append } from '../../audit/append.ts';
import { createSeldom } from '../../audit/seldom.ts';
import { Failure, messageOf } from '../../base/errors.ts';
import { monotonicMs } from '../../base/timer.ts';
import type { Db, Trx } from '../../db/client.ts';
import { actorOf, type Principal, principalByName } from '../principals.ts';
import { issueToken } from '../tokens.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { ruleFor, toldClaims, type WorkloadIssuer, type WorkloadRule } from './rules.ts';

/** Clocks of the issuer and of this machine may differ by so much. */
const CLOCK_TOLERANCE_SECONDS = 10;
/** A longer one is no job's, and would have to be remembered as long. */
const LONGEST_SUBJECT_SECONDS = 24 * 3600;
/** Used tokens are remembered beyond their end by this. */
const REMEMBERED_SECONDS = 3600;
const FORGOTTEN_AT_ONCE = 50;
const MOST_FAILURES = 30;
const FAILURE_WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

export interface WorkloadIdentity {
  /**
   * Errors: `workload-token-refused`, `workload-token-expired`, `workload-token-used`, `workload-no-rule`,
   * `workload-no-service`, `issuer-unavailable`, `workload-not-configured`, `too-many-failures`.
   */
  exchange(token: string, sourceAddress: string): Promise<Exchanged>;
}

interface Known {
  issuer: WorkloadIssuer;
  keys: JWTVerifyGetKey;
}

export function createWorkloadIdentity(ctx: {
  db: Db;
  issuers: readonly WorkloadIssuer[];
}): WorkloadIdentity {
  const known = new Map<string, Known>(
    ctx.issuers.map((issuer) => [issuer.issuer, { issuer, keys: createIssuerKeys(issuer) }]),
  );
  const seldom = createSeldom();
  const countFailure = createFailureCount();

  async function noteRefusal(error: unknown, issuer: WorkloadIssuer | null, sourceAddress: string) {
    if (!(error instanceof Failure)) return;
    const name = issuer?.name ?? 'unknown';
    const unsaid = seldom.due(`${name} ${error.code}`);
    if (unsaid !== null) {
      const why = error.cause === undefined ? undefined : messageOf(error.cause);
      await ctx.db.transaction().execute((trx) =>
        append(trx, {
          kind: 'workload.refused',
          actor: { id: 'unknown', name: 'a job', kind: 'unknown' },
          sourceAddress,
          detail: { issuer: name, code: error.code, why, ...error.facts, unsaidBefore: unsaid },
        }),
      );
    }
    if (error.kind !== 'unavailable') countFailure(sourceAddress);
  }

  return {
    async exchange(token, sourceAddress) {
      if (known.size === 0) {
        throw new Failure('not-found', 'workload-not-configured', 'No issuer of job tokens is configured.', {
          hint: '`workloadIdentity` in sallyport.yaml: see docs/services-and-pipelines.md.',
        });
      }
      const one = known.get(unverifiedIssuer(token)) ?? null;
      try {
        if (one === null) throw refused('no such issuer is configured');
        const claims = await verified(one, token);
        const rule = ruleFor(one.issuer, claims);
        if (rule === null) throw noRule(one.issuer, claims);
        return await ctx.db
          .transaction()
          .execute((trx) => exchangeOnce(trx, { issuer: one.issuer, rule, claims, token, sourceAddress }));
      } catch (error) {
        await noteRefusal(error, one?.issuer ?? null, sourceAddress);
        throw error;
      }
    },
  };
}

function unverifiedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    return '';
  }
}

/** The claims, once everything about the token itself holds. */
async function verified({ issuer, keys }: Known, token: string): Promise<Timed> {
  const { payload, protectedHeader } = await verify(issuer, keys, token);
  // Access tokens, logout tokens and the like carry a type of their own; Kubernetes names none.
  const type = protectedHeader.typ?.toLowerCase();
  if (type !== undefined && type !== 'jwt') throw refused(`its type is ${type.slice(0, 40)}`);
  const audience = Array.isArray(payload.aud) ? payload.aud : [payload.aud];
  if (audience.length !== 1) throw refused('it is for others too');
  const { iat, exp } = payload;
  const now = Date.now() / 1000;
  if (iat === undefined || exp === undefined || iat > now + CLOCK_TOLERANCE_SECONDS || exp <= iat)
    throw refused('its times make no sense');
  if (exp - iat > LONGEST_SUBJECT_SECONDS) throw refused('it lives longer than a day');
  return { ...payload, exp };
}

type Timed = JWTPayload & { exp: number };

async function verify(issuer: WorkloadIssuer, keys: JWTVerifyGetKey, token: string) {
  try {
    return await jwtVerify(token, keys, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: [...issuer.algorithms],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['exp', 'iat', 'sub'],
    });
  } catch (error) {
    // jose looks at the times only after the signature, so this is told to the token's rightful holder.
    if (error instanceof errors.JWTExpired) {
      throw new Failure('unauthenticated', 'workload-token-expired', "The job's token has expired.", {
        hint: 'Ask its issuer for a new one just before the exchange.',
      });
    }
    if (error instanceof errors.JOSEError) throw refused(error.message, error);
    throw error;
  }
}

interface Exchange {
  issuer: WorkloadIssuer;
  rule: WorkloadRule;
  claims: Timed;
  token: string;
  sourceAddress: string;
}

async function exchangeOnce(trx: Trx, { issuer, rule, claims, token, sourceAddress }: Exchange) {
  const service = await serviceOf(trx, rule);
  const by = actorOf(service);
  const issued = await issueToken(trx, {
    principalId: service.id,
    kind: 'api',
    name: `job of ${issuer.name}`,
    lifetimeSeconds: rule.lifetime,
    limits: { scopes: rule.scopes, addressRanges: rule.addresses ?? null },
    by,
    sourceAddress,
  });
  const first = await trx
    .insertInto('workload_tokens_used')
    .values({
      token_key: keyOf(issuer, claims, token),
      issuer: issuer.issuer,
      token_id: issued.id,
      expires_at: new Date((claims.exp + REMEMBERED_SECONDS) * 1000),
    })
    .onConflict((oc) => oc.column('token_key').doNothing())
    .executeTakeFirst();
  if (Number(first.numInsertedOrUpdatedRows ?? 0) === 0) throw used(issuer, claims);
  await append(trx, {
    kind: 'workload.exchanged',
    actor: by,
    sourceAddress,
    detail: {
      issuer: issuer.name,
      tokenId: issued.id,
      expiresAt: issued.expiresAt.toISOString(),
      job: toldClaims(issuer, claims),
    },
  });
  await forgetOld(trx);
  const answer: Exchanged = {
    access_token: issued.token.reveal(),
    issued_token_type: ACCESS_TOKEN_TYPE,
    token_type: 'Bearer',
    expires_in: rule.lifetime,
    scope: rule.scopes.join(' '),
    service: service.name,
  };
  return answer;
}

async function serviceOf(trx: Trx, rule: WorkloadRule): Promise<Principal> {
  const service = await principalByName(trx, rule.service).catch((error: unknown) => {
    if (error instanceof Failure) return null;
    throw error;
  });
  if (service !== null && service.kind === 'service' && !service.disabled) return service;
  throw new Failure(
    'denied',
    'workload-no-service',
    `The rule names ${rule.service}, which is no live service.`,
    {
      hint: `\`sally principal add ${rule.service} --kind service\`.`,
      facts: { service: rule.service },
    },
  );
}

// The signing input, not the whole token: of some signatures there are several forms that verify.
function keyOf(issuer: WorkloadIssuer, { jti }: JWTPayload, token: string): Buffer {
  const input = token.slice(0, token.lastIndexOf('.'));
  const id = typeof jti === 'string' && jti !== '' ? ['jti', jti] : ['token', input];
  return createHash('sha256')
    .update(JSON.stringify([issuer.issuer, ...id]))
    .digest();
}

async function forgetOld(trx: Trx): Promise<void> {
  await sql`delete from workload_tokens_used where token_key in (
    select token_key from workload_tokens_used where expires_at < now()
    limit ${sql.lit(FORGOTTEN_AT_ONCE)} for update skip locked)`.execute(trx);
}

/** The reason is for the log of the server and for the audit log, not for who sent the token. */
function refused(why: string, cause?: unknown): Failure {
  return new Failure('unauthenticated', 'workload-token-refused', 'This token of a job is not accepted.', {
    hint: 'Its issuer, audience, algorithm and key must be those of the configuration; the audit log says which.',
    cause: new Error(why, { cause }),
  });
}

function used(issuer: WorkloadIssuer, claims: JWTPayload): Failure {
  return new Failure('unauthenticated', 'workload-token-used', "The job's token was used before.", {
    hint: 'Each one is exchanged once: keep what it was exchanged for, or get a new one.',
    facts: { job: toldClaims(issuer, claims) },
  });
}

function noRule(issuer: WorkloadIssuer, claims: JWTPayload): Failure {
  return new Failure('denied', 'workload-no-rule', 'No rule of the configuration is for this job.', {
    hint: 'Compare the claims with `workloadIdentity` in sallyport.yaml.',
    facts: { job: toldClaims(issuer, claims) },
  });
}

// As with tokens of our own: who keeps failing is told to stop, and who is right is let in from the same address.
function createFailureCount(): (address: string) => void {
  const counts = new Map<string, { count: number; since: number }>();
  return (address) => {
    const kept = counts.get(address);
    const fresh = kept !== undefined && monotonicMs() - kept.since <= FAILURE_WINDOW_MS;
    const entry = fresh ? kept : { count: 0, since: monotonicMs() };
    entry.count += 1;
    if (counts.size >= MOST_ADDRESSES) counts.clear();
    counts.set(address, entry);
    if (entry.count <= MOST_FAILURES) return;
    throw new Failure(
      'limit',
      'too-many-failures',
      'Too many refused tokens from this address; wait a minute.',
    );
  };
}
