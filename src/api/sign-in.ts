// Ways to sign in, as the portal and the command line meet them.

import { z } from 'zod';

/** A path of the portal: a whole address here would lead people elsewhere after signing in. */
const portalPath = z
  .string()
  .max(500)
  .regex(/^\/(?![/\\])/, 'A path of the portal.');

export const signInOptions = z.object({
  /** The portal's address as it is configured: the one that providers and passkeys know. */
  publicUrl: z.string(),
  /** null where no provider is configured. */
  oidc: z.object({ name: z.string(), reachable: z.boolean() }).nullable(),
  /** Whether passkeys work under the public address at all: they need a name, not an IP address. */
  passkeys: z.boolean(),
});
export type SignInOptions = z.infer<typeof signInOptions>;

export const beginOidcBody = z.object({ next: portalPath.optional() });

/** Where the browser is to go. */
export const goTo = z.object({ url: z.string() });

/** How the signed-in person signs in. */
export const mySignIn = z.object({
  /** null for an access token. */
  how: z.enum(['token', 'demo', 'oidc', 'passkey', 'link']).nullable(),
  /** Since a passkey was used in this session; null when none was. */
  passkeyAgeSeconds: z.number().nullable(),
  /** null where no provider is configured. */
  provider: z.object({ name: z.string(), linked: z.boolean() }).nullable(),
  /** Where the session at the provider ends too; null when there is none or nothing is offered. */
  providerSignOut: z.string().nullable(),
});
export type MySignIn = z.infer<typeof mySignIn>;
