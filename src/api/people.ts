// Principals as others see them, and who is signed in.

import { z } from 'zod';
import { durationText, idText, nameText, timestamp } from './text.ts';

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
  rights: z.array(z.enum(['administer', 'audit'])),
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
});
export type PrincipalView = z.infer<typeof principal>;

const groupName = nameText.regex(/^[a-z0-9][a-z0-9._-]*$/, 'Lower-case letters, digits and . _ - only.');

export const addPrincipalBody = z.object({
  kind: z.enum(['person', 'service']).default('person'),
  name: nameText,
  displayName: z.string().trim().min(1).max(100),
  accountType: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/)
    .optional(),
  title: z.string().trim().min(1).max(100).optional(),
  groups: z.array(groupName).max(100).default([]),
});
export type AddPrincipalBody = z.infer<typeof addPrincipalBody>;

export const issueTokenBody = z.object({ lifetime: durationText.default('24d') });

/** A token is shown once, here, and kept as a hash only. */
export const issuedToken = z.object({ id: idText, token: z.string(), expiresAt: timestamp });
export type IssuedToken = z.infer<typeof issuedToken>;
