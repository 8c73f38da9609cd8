// Ways to sign in, as the portal and the command line meet them.

import { z } from 'zod';
import { durationText, idText, lineText, nameText, timestamp } from './text.ts';

/**
 * A path of the portal: a whole address here would lead people elsewhere after signing in. Browsers drop tabs and line
 * breaks and read \ as /, so there are none of them.
 */
const portalPath = z
  .string()
  .max(500)
  .regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/, 'A path of the portal.');

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

export const passkey = z.object({
  id: idText,
  name: z.string(),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable(),
  /** Kept by a passkey manager, so on more than one device. */
  synced: z.boolean(),
});
export type Passkey = z.infer<typeof passkey>;

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
  passkeys: z.array(passkey),
  /** How many somebody may have. */
  mostPasskeys: z.number().int(),
});
export type MySignIn = z.infer<typeof mySignIn>;

/** What an authenticator says, in base64url; its own limits are far below these. */
const bytesText = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[A-Za-z0-9_-]+$/);
const credentialId = bytesText(1_400);
const transports = z.array(z.string().max(40)).max(10);
const descriptor = z.object({
  id: credentialId,
  type: z.literal('public-key'),
  transports: transports.optional(),
});

/** What `navigator.credentials.create` is asked (WebAuthn, PublicKeyCredentialCreationOptionsJSON). */
export const registrationOptions = z.object({
  rp: z.object({ name: z.string(), id: z.string() }),
  user: z.object({ id: z.string(), name: z.string(), displayName: z.string() }),
  challenge: z.string(),
  pubKeyCredParams: z.array(z.object({ alg: z.number().int(), type: z.literal('public-key') })),
  timeout: z.number(),
  excludeCredentials: z.array(descriptor),
  authenticatorSelection: z.object({
    residentKey: z.literal('required'),
    requireResidentKey: z.literal(true),
    userVerification: z.literal('required'),
  }),
  attestation: z.literal('none'),
});
export type RegistrationOptions = z.infer<typeof registrationOptions>;

/** What `navigator.credentials.get` is asked. */
export const passkeyOptions = z.object({
  challenge: z.string(),
  timeout: z.number(),
  rpId: z.string(),
  userVerification: z.literal('required'),
  /** Empty where the authenticator says itself whose passkey it is. */
  allowCredentials: z.array(descriptor),
});
export type PasskeyOptions = z.infer<typeof passkeyOptions>;

export const newPasskey = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: bytesText(8_000),
    attestationObject: bytesText(16_000),
    transports: transports.optional(),
  }),
});
export type NewPasskey = z.infer<typeof newPasskey>;

export const usedPasskey = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: bytesText(8_000),
    authenticatorData: bytesText(4_000),
    signature: bytesText(4_000),
    userHandle: bytesText(200).optional(),
  }),
});
export type UsedPasskey = z.infer<typeof usedPasskey>;

export const usePasskeyBody = z.object({ passkey: usedPasskey });

/** Such as the device that it is on. */
const passkeyName = lineText(60);
export const addPasskeyBody = z.object({ name: passkeyName, passkey: newPasskey });

const linkCode = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'The code of a registration link.');
export const openLinkBody = z.object({ code: linkCode });
export const useLinkBody = addPasskeyBody.extend({ code: linkCode });
/** Who registers by the link, and what their authenticator is asked. */
export const openedLink = z.object({ displayName: z.string(), name: nameText, options: registrationOptions });
export type OpenedLink = z.infer<typeof openedLink>;

export const issueLinkBody = z.object({ lifetime: durationText.default('1d') });
/** The link is shown once, here. */
export const issuedLink = z.object({ url: z.string(), expiresAt: timestamp });

/** What a login of the command line is called: the machine's name. */
const machineName = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, 'At most 60 letters, digits, spaces and . _ - only.');

/** The command line waits on that port of its own machine (RFC 8252), with that S256 challenge (RFC 7636). */
export const cliLogin = z.object({
  challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  state: z.string().regex(/^[A-Za-z0-9_-]{22,128}$/),
  port: z.coerce.number().int().min(1_024).max(65_535),
  machine: machineName,
});
export type CliLogin = z.infer<typeof cliLogin>;

export const cliTokenBody = z.object({
  code: linkCode,
  verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/),
});

export const startDeviceBody = z.object({ machine: machineName });
export const startedDevice = z.object({
  deviceCode: z.string(),
  /** As people type it: `WDJB-MJHT`. */
  userCode: z.string(),
  url: z.string(),
  /** Seconds between two questions. */
  intervalSeconds: z.number().int(),
  lifetimeSeconds: z.number().int(),
});
export type StartedDevice = z.infer<typeof startedDevice>;
export const deviceTokenBody = z.object({ deviceCode: linkCode });

export const userCodeBody = z.object({ userCode: z.string().min(1).max(40) });
/** Who waits behind a code. */
export const deviceLogin = z.object({ machine: z.string(), address: z.string(), askedAt: timestamp });
export type DeviceLogin = z.infer<typeof deviceLogin>;
export const decideDeviceBody = userCodeBody.extend({ allow: z.boolean() });
