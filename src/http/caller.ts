// Who is calling, and from where. A token in the header or the portal's cookie; with a cookie, an unsafe method must
// come from the portal's own page. What a limited token is for is asked of every call, here and nowhere else.

import type { FastifyRequest } from 'fastify';
import { Failure } from '../base/errors.ts';
import { mayOnPlatform } from '../grants/platform-rights.ts';
import { askForPasskeyIf } from '../grants/step-up.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, DIRECTORY } from '../identity/principals.ts';
import type { Authenticated, TokenKind, TokenLimits } from '../identity/tokens.ts';
import { addressOf, socketAddress } from './client-address.ts';
import type { HttpContext } from './context.ts';
import { type Access, GUARD, type RouteName } from './guard.ts';
import { checkAddress, checkLimits } from './token-limits.ts';

export const COOKIE = 'sallyport';
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK_HOSTS = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

export interface SignedCaller extends Caller {
  tokenId: string;
  handedBy: readonly string[];
  limits: TokenLimits;
  tokenKind: TokenKind;
}

type AdmitContext = Pick<HttpContext, 'principals' | 'grants' | 'refusedUses'>;

/**
 * The caller, or null where the route lets anyone in.
 * Errors: `unauthenticated`, `token-address`, `token-scope`, `may-not`,
 * `step-up-required`, `cross-site`.
 */
export async function admit(
  ctx: AdmitContext,
  name: RouteName,
  request: FastifyRequest,
): Promise<SignedCaller | null> {
  const access: Access = GUARD[name];
  if (access === 'anyone') {
    // A page of another site must not be able to sign somebody in as somebody else.
    if (request.headers.origin !== undefined && !SAFE_METHODS.has(request.method)) requireSameOrigin(request);
    return null;
  }
  if (access === 'loopback') {
    requireLoopback(request);
    return null;
  }
  const bearer = bearerToken(request);
  const cookie = request.cookies[COOKIE];
  if (access === 'metrics' && bearer === undefined && isThisMachine(request)) return null;
  const token = bearer ?? cookie;
  if (token === undefined || token === '') {
    throw new Failure('unauthenticated', 'unauthenticated', 'Nobody is signed in.', {
      hint: 'Send `Authorization: Bearer <token>`, or sign in on the portal.',
    });
  }
  const sourceAddress = addressOf(request);
  const signed = await authenticate(ctx, token, name, sourceAddress);
  const { principal, leftSeconds: _, ...session } = signed;
  if (bearer === undefined && !SAFE_METHODS.has(request.method)) requireSameOrigin(request);
  await notingRefusal(ctx, signed, name, sourceAddress, () =>
    checkLimits(session.limits, name, sourceAddress),
  );
  const caller = { principal, sourceAddress, ...session };
  if (!isAllowed(ctx, access, caller)) {
    askForPasskeyIf(ctx.grants, caller, (mfaAgeSeconds) =>
      isAllowed(ctx, access, { ...caller, mfaAgeSeconds }),
    );
    throw new Failure('denied', 'may-not', MAY_NOT[access]);
  }
  return caller;
}

async function authenticate(
  ctx: AdmitContext,
  token: string,
  name: RouteName,
  sourceAddress: string,
): Promise<Authenticated> {
  try {
    return await ctx.principals.authenticate(token, sourceAddress);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'unauthenticated')
      await ctx.refusedUses.noteDead(token, name, sourceAddress);
    throw error;
  }
}

async function notingRefusal(
  ctx: AdmitContext,
  { tokenId, principal }: Authenticated,
  route: RouteName,
  sourceAddress: string,
  check: () => void,
): Promise<void> {
  try {
    check();
  } catch (error) {
    const why = error instanceof Failure && error.code === 'token-address' ? 'address' : 'scope';
    await ctx.refusedUses.note({ tokenId, holder: actorOf(principal), why, route, sourceAddress });
    throw error;
  }
}

/**
 * For a token that comes in a body, to be exchanged for another: it too works only from its addresses.
 * Errors: `unauthenticated`, `token-address`.
 */
export async function checkPresented(
  ctx: AdmitContext,
  token: string,
  name: RouteName,
  request: FastifyRequest,
): Promise<void> {
  const address = addressOf(request);
  const signed = await authenticate(ctx, token, name, address);
  await notingRefusal(ctx, signed, name, address, () => checkAddress(signed.limits, address));
}

type SignedAccess = Exclude<Access, 'anyone' | 'loopback'>;

function isAllowed(ctx: Pick<HttpContext, 'grants'>, access: SignedAccess, caller: SignedCaller): boolean {
  if (access === 'signed-in') return true;
  if (access === 'person') return caller.principal.kind === 'person';
  if (access === 'directory') return isDirectory(caller);
  if (access === 'keepPeople')
    return (['administer', 'changePolicy'] as const).some((right) =>
      mayOnPlatform(ctx.grants, caller, right),
    );
  return mayOnPlatform(ctx.grants, caller, access === 'metrics' ? 'audit' : access);
}

// By name: an unlimited token of that service is for everything else, and must not lie in a cloud's settings.
function isDirectory({ principal, limits }: SignedCaller): boolean {
  const isKept = principal.kind === 'service' && principal.groups.includes(DIRECTORY);
  return isKept && limits.scopes?.includes('scim') === true;
}

const MAY_NOT: Record<SignedAccess, string> = {
  'signed-in': '',
  person: 'Only people do this, not services or agents.',
  audit: 'This needs the right to audit, which policy gives (action "audit").',
  metrics: 'This needs the right to audit, which policy gives (action "audit").',
  directory: 'This needs a token with the scope "scim", of a service in the group "directory".',
  administer: 'This needs the right to administer, which policy gives (action "administer").',
  keepPeople: 'This needs the right to administer or to change policies, which policy gives.',
  changePolicy: 'This needs the right to change policies, which policy gives (action "changePolicy").',
};

function bearerToken(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const match = /^Bearer ([^\s]{1,200})$/i.exec(header);
  if (match === null)
    throw new Failure('unauthenticated', 'unauthenticated', 'The Authorization header is malformed.');
  return match[1];
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

// A page of another site whose name was made to resolve to this machine sends its own name as Host; so does what comes
// through a proxy on this machine. A proxy elsewhere that says "127.0.0.1" speaks of itself.
function isThisMachine(request: FastifyRequest): boolean {
  const near = isLoopback(socketAddress(request)) && isLoopback(addressOf(request));
  return near && LOOPBACK_HOSTS.test(request.headers.host ?? '');
}

function requireLoopback(request: FastifyRequest): void {
  const host = request.headers.host ?? '';
  const origin = request.headers.origin;
  const sameOrigin = origin === undefined ? SAFE_METHODS.has(request.method) : origin === `http://${host}`;
  if (!isThisMachine(request) || !sameOrigin) {
    throw new Failure(
      'denied',
      'loopback-only',
      'The demo signs people in only on this machine, from its own page.',
    );
  }
}

function requireSameOrigin(request: FastifyRequest): void {
  const origin = request.headers.origin;
  const host = request.headers.host ?? '';
  if (origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new Failure('denied', 'cross-site', 'This came from another site; it was refused.');
  }
}
