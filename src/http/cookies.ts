// The cookies: the session's, which other sites can neither read nor send, and those of ceremonies. A provider sends
// the browser back from another site, so its ceremony's cookie is Lax and leads to that one path only.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Secret } from '../base/secret.ts';
import type { SignedIn } from '../identity/browser-session.ts';
import { OIDC_CALLBACK, OIDC_MINUTES } from '../identity/oidc-sign-in.ts';
import { PASSKEY_SECONDS } from '../identity/passkeys.ts';
import { COOKIE } from './caller.ts';
import { addressOf } from './client-address.ts';

const OIDC_COOKIE = 'sallyport-oidc';
const PASSKEY_COOKIE = 'sallyport-passkey';

/** Where a sign-in comes from, with the session's cookie that it will replace. */
export function fromOf(request: FastifyRequest): { address: string; cookie: string | undefined } {
  return { address: addressOf(request), cookie: request.cookies[COOKIE] };
}

export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
  signed: SignedIn,
): void {
  void reply.setCookie(COOKIE, signed.token.reveal(), {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: overTls(request, publicUrl),
    expires: signed.expiresAt,
  });
}

export function setOidcCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
  secret: Secret,
): void {
  void reply.setCookie(OIDC_COOKIE, secret.reveal(), {
    path: OIDC_CALLBACK,
    httpOnly: true,
    sameSite: 'lax',
    secure: overTls(request, publicUrl),
    maxAge: OIDC_MINUTES * 60,
  });
}

/** Of this browser, once: '' where there is none. */
export function takeOidcCookie(request: FastifyRequest, reply: FastifyReply): string {
  void reply.clearCookie(OIDC_COOKIE, { path: OIDC_CALLBACK });
  return request.cookies[OIDC_COOKIE] ?? '';
}

export function setPasskeyCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
  secret: Secret,
): void {
  void reply.setCookie(PASSKEY_COOKIE, secret.reveal(), {
    path: '/api',
    httpOnly: true,
    sameSite: 'strict',
    secure: overTls(request, publicUrl),
    maxAge: PASSKEY_SECONDS,
  });
}

/** Of this browser, once: '' where there is none. */
export function takePasskeyCookie(request: FastifyRequest, reply: FastifyReply): string {
  void reply.clearCookie(PASSKEY_COOKIE, { path: '/api' });
  return request.cookies[PASSKEY_COOKIE] ?? '';
}

/** With TLS in front, the connection here is plain; the public address then says what the browser has. */
function overTls(request: FastifyRequest, publicUrl: string): boolean {
  return request.protocol === 'https' || isPublicAddress(request, publicUrl, 'https:');
}

/** True when the browser came by the public address: cookies of another one never come back to it. */
export function isPublicAddress(request: FastifyRequest, publicUrl: string, protocol?: 'https:'): boolean {
  const url = new URL(publicUrl);
  return request.headers.host === url.host && (protocol === undefined || url.protocol === protocol);
}
