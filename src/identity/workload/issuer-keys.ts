// The keys with which an issuer signs: found by its discovery document, kept for minutes, fetched with limits. Only
// addresses of the configuration, and those that the issuer itself names, are ever fetched; none is followed elsewhere.

import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { Failure } from '../../base/errors.ts';
import { monotonicMs } from '../../base/timer.ts';
import type { WorkloadIssuer } from './rules.ts';

const FETCH_TIMEOUT_MS = 5_000;
const KEPT_MS = 10 * 60_000;
/** A token with an unknown key id makes us fetch the keys again, at most so often. */
const COOLDOWN_MS = 10_000;
/** After a failure nobody asks again for so long: strangers must not make us call others at their pace. */
const REST_MS = 1_000;
const LARGEST_DOCUMENT_BYTES = 256 * 1024;

/** Errors of the returned function: `issuer-unavailable`; those of jose for a key that is not there. */
export function createIssuerKeys(issuer: WorkloadIssuer): JWTVerifyGetKey {
  let found: { keys: JWTVerifyGetKey; since: number } | null = null;
  let restsUntil = 0;

  async function keys(): Promise<JWTVerifyGetKey> {
    if (found !== null && monotonicMs() - found.since < KEPT_MS) return found.keys;
    const url = issuer.jwks ?? (await discover(issuer.issuer));
    const remote = createRemoteJWKSet(new URL(url), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: KEPT_MS,
      [customFetch]: (address, { headers, signal }) => fetchBounded(address, headers, signal),
    });
    found = { keys: remote, since: monotonicMs() };
    return remote;
  }

  return async (header, token) => {
    if (monotonicMs() < restsUntil) throw unavailable(issuer, null);
    try {
      return await (await keys())(header, token);
    } catch (error) {
      if (isAboutTheKey(error)) throw error;
      restsUntil = monotonicMs() + REST_MS;
      throw unavailable(issuer, error);
    }
  };
}

/** The token names a key that the issuer does not have, or names none where it has several. */
function isAboutTheKey(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ERR_JWKS_NO_MATCHING_KEY' || code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS';
}

async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetchBounded(
    url,
    new Headers({ accept: 'application/json' }),
    AbortSignal.timeout(FETCH_TIMEOUT_MS),
  );
  const document: unknown = await response.json();
  if (typeof document !== 'object' || document === null || !('issuer' in document && 'jwks_uri' in document))
    throw new Error(`${url} is no discovery document`);
  if (document.issuer !== issuer) throw new Error(`${url} speaks for another issuer`);
  const { jwks_uri: keys } = document;
  const plainHere = issuer.startsWith('http://');
  if (typeof keys !== 'string' || !URL.canParse(keys)) throw new Error(`${url} names no jwks_uri`);
  if (new URL(keys).protocol !== 'https:' && !plainHere) throw new Error(`${url} names keys without TLS`);
  return keys;
}

async function fetchBounded(url: string, headers: Headers, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { headers, signal, redirect: 'error' });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > LARGEST_DOCUMENT_BYTES) throw new Error(`${url} is over ${LARGEST_DOCUMENT_BYTES} bytes`);
    pieces.push(piece);
  }
  return new Response(Buffer.concat(pieces), {
    status: 200,
    headers: { 'content-type': 'application/json' },
  });
}

function unavailable(issuer: WorkloadIssuer, cause: unknown): Failure {
  return new Failure(
    'unavailable',
    'issuer-unavailable',
    `The keys of ${issuer.name} cannot be had just now.`,
    {
      hint: 'Try again in a few seconds; the log of the server says why.',
      cause,
    },
  );
}
