// Principals as others see them, and who is signed in.

import { z } from 'zod';
import { durationText, idText, lineText, nameText, timestamp } from './text.ts';

export const principalKind = z.enum(['person', 'service', 'agent']);

export const principalRef = z.object({
  id: idText,
  name: nameText,
  displayName: z.string(),
  kind: principalKind,
});
export type PrincipalRef = z.infer<typeof principalRef>;

export const me = principalRef.extend({
  groups: z.array(z.string()),
  /** What the signed-in principal may do with Sallyport itself. */
  rights: z.array(z.enum(['administer', 'audit', 'changePolicy'])),
  demo: z.boolean(),
  version: z.string(),
});
export type Me = z.infer<typeof me>;

export const signInBody = z.object({ token: z.string().min(1).max(200) });
export const demoSignInBody = z.object({ person: nameText });
export const demoPeople = z.object({
  people: z.array(z.object({ name: nameText, displayName: z.string(), does: z.string() })),
});
export type DemoPeople = z.infer<typeof demoPeople>;

export const principal = principalRef.extend({
  groups: z.array(z.string()),
  accountType: z.string(),
  title: z.string().nullable(),
  disabled: z.boolean(),
  /** Kept by a directory (SCIM), not by hand. */
  fromDirectory: z.boolean(),
  /** Of `groups`, those whose members a directory keeps. */
  directoryGroups: z.array(z.string()),
  /** Of `groups`, those that the identity provider gives at each sign-in. */
  providerGroups: z.array(z.string()),
  /** What the identity provider says at each sign-in, so that nobody changes it here. */
  providerKeeps: z.array(z.enum(['displayName', 'accountType', 'title'])),
  manager: principalRef.nullable(),
  /** Who answers for an agent. */
  sponsor: principalRef.nullable(),
  /** Of any of their tokens; null for never. */
  lastUsedAt: timestamp.nullable(),
  /** That could be used now, browsers' too. */
  liveTokens: z.number().int(),
});
export type PrincipalView = z.infer<typeof principal>;

export const groupName = nameText.regex(
  /^[a-z0-9][a-z0-9._-]*$/,
  'Lower-case letters, digits and . _ - only.',
);

export const accountType = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    'Lower-case letters, digits and - only, at most 40, beginning with a letter.',
  );

export const addPrincipalBody = z.object({
  /** An agent has a sponsor. */
  kind: principalKind.default('person'),
  name: nameText,
  displayName: lineText(100),
  accountType: accountType.optional(),
  title: lineText(100).optional(),
  manager: nameText.optional(),
  sponsor: nameText.optional(),
  groups: z.array(groupName).max(100).default([]),
});
export type AddPrincipalBody = z.infer<typeof addPrincipalBody>;

/** What a token may be used for at most; what its principal may do is policy's. Closed: docs/services-and-pipelines.md. */
export const TOKEN_SCOPES = [
  'read',
  'request',
  'approve',
  'revoke',
  'audit',
  'administer',
  'policy',
  'scim',
] as const;
export const tokenScope = z.enum(TOKEN_SCOPES);
export type TokenScope = z.infer<typeof tokenScope>;

const MOST_RANGES = 20;

export const issueTokenBody = z.object({
  lifetime: durationText.default('24d'),
  /** What it is for, so that it can be told from others. */
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{C}]*$/u, 'Control characters are not allowed.')
    .optional(),
  /** Left out: all that the principal may. */
  scopes: z.array(tokenScope).min(1).max(TOKEN_SCOPES.length).optional(),
  /** Networks (10.0.0.0/8, fd00::/8) from which it works. Left out: from anywhere. */
  addresses: z.array(z.string().min(1).max(64)).min(1).max(MOST_RANGES).optional(),
});
export type IssueTokenBody = z.infer<typeof issueTokenBody>;

export const token = z.object({
  id: idText,
  kind: z.enum(['api', 'browser']),
  name: z.string(),
  scopes: z.array(tokenScope).nullable(),
  addresses: z.array(z.string()).nullable(),
  /** Who issued it; null for Sallyport itself and for those before this was kept. */
  issuedBy: nameText.nullable(),
  issuedAt: timestamp,
  expiresAt: timestamp,
  lastUsedAt: timestamp.nullable(),
  state: z.enum(['live', 'expired', 'revoked']),
});
export type TokenView = z.infer<typeof token>;

/** A token is shown once, here, and kept as a hash only. */
export const issuedToken = z.object({ id: idText, token: z.string(), expiresAt: timestamp });
export type IssuedToken = z.infer<typeof issuedToken>;
