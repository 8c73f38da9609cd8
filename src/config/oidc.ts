// A provider that people sign in at: the part `signIn.oidc` of the configuration.

import { z } from 'zod';
import type { Secret } from '../base/secret.ts';
import { namedSecret, secretFrom } from './named-secret.ts';

export const LOOPBACK_HOSTS = new Set(['127.0.0.1', '::1', 'localhost']);

/** An OpenID provider that people sign in at. */
export interface OidcConfig {
  /** On the button. */
  name: string;
  issuer: string;
  clientId: string;
  /** null: a public client; PKCE holds in any case. */
  clientSecret: Secret | null;
  scopes: string[];
  claims: { login: string; name: string; groups: string; accountType: string | null; title: string | null };
  /** The provider's group to ours. Others are not taken over. */
  groups: Record<string, string>;
  /** Only members of one of these groups of the provider may sign in; null: everybody whom it lets in. */
  allowedGroups: string[] | null;
  unknownPeople: 'refuse' | 'create';
  signOutAtProvider: boolean;
}

/** https, or plain http on this machine only: codes and tokens must not travel in clear. */
const safeUrl = z.url().refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK_HOSTS.has(hostname));
}, 'It must start with https:// (http:// on this machine only).');
export const origin = safeUrl.refine(
  (text) => new URL(text).origin === text.replace(/\/$/, ''),
  'Only scheme, name and port.',
);
const claim = z.string().min(1).max(100);

export const oidcSchema = z
  .object({
    name: z.string().min(1).max(60),
    issuer: safeUrl,
    clientId: z.string().min(1).max(300),
    clientSecret: namedSecret.optional(),
    scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)).default(['openid', 'profile']),
    claims: z
      .object({
        login: claim.default('preferred_username'),
        name: claim.default('name'),
        groups: claim.default('groups'),
        accountType: claim.optional(),
        title: claim.optional(),
      })
      .strict()
      .prefault({}),
    groups: z.record(z.string(), z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/)).default({}),
    allowedGroups: z.array(z.string().min(1)).min(1).optional(),
    unknownPeople: z.enum(['refuse', 'create']).default('refuse'),
    signOutAtProvider: z.boolean().default(true),
  })
  .strict();

/** Errors: `config-invalid` for a secret that is not there. */
export function oidcFrom(
  own: z.infer<typeof oidcSchema>,
  env: Record<string, string | undefined>,
  folder: string,
): OidcConfig {
  const { claims, clientSecret, allowedGroups, scopes, ...same } = own;
  return {
    ...same,
    scopes: [...new Set(['openid', ...scopes])],
    clientSecret:
      clientSecret === undefined
        ? null
        : secretFrom(clientSecret, 'signIn.oidc.clientSecret', { env, folder }),
    claims: { ...claims, accountType: claims.accountType ?? null, title: claims.title ?? null },
    allowedGroups: allowedGroups ?? null,
  };
}
