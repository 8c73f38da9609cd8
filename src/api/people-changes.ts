// Changes of principals that are kept by hand, the groups that they are in, and what waits for a second person.

import { z } from 'zod';
import { accountType, groupName, principal, principalRef } from './people.ts';
import { idText, lineText, nameText, reasonText, timestamp } from './text.ts';

const MOST_GROUPS = 100;

/** What is left out stays; null takes away. */
export const changePrincipalBody = z.object({
  displayName: lineText(100).optional(),
  accountType: accountType.optional(),
  title: lineText(100).nullable().optional(),
  manager: nameText.nullable().optional(),
  /** Of agents only, which always have one. */
  sponsor: nameText.optional(),
  join: z.array(groupName).max(MOST_GROUPS).default([]),
  leave: z.array(groupName).max(MOST_GROUPS).default([]),
  reason: reasonText,
});
export type ChangePrincipalBody = z.infer<typeof changePrincipalBody>;

export const peopleChange = z.object({
  id: idText,
  principal: principalRef,
  /** What it does, a sentence each. */
  does: z.array(z.string()),
  /** Why it takes two, a sentence each. */
  whyTwo: z.array(z.string()),
  reason: z.string(),
  state: z.enum(['open', 'confirmed', 'refused', 'withdrawn', 'expired']),
  proposedBy: principalRef,
  proposedAt: timestamp,
  expiresAt: timestamp,
  decidedBy: principalRef.nullable(),
  decidedAt: timestamp.nullable(),
  decidedReason: z.string().nullable(),
  /** Why the caller may not confirm it, or null. */
  mayNotConfirm: z.string().nullable(),
});
export type PeopleChange = z.infer<typeof peopleChange>;

/** `waiting`: nothing has changed yet, a second person has to confirm it. */
export const changedPrincipal = z.object({ principal, waiting: peopleChange.nullable() });
export type ChangedPrincipal = z.infer<typeof changedPrincipal>;

export const group = z.object({
  name: groupName,
  /** Who decides who is in it. */
  keptBy: z.enum(['here', 'directory']),
  memberCount: z.number().int(),
  /** The first 200, by name. */
  members: z.array(z.object({ principal: principalRef, by: z.enum(['hand', 'directory', 'provider']) })),
  /** What names it, a phrase each: policies, shifts, segments. While something does, it is not deleted. */
  namedBy: z.array(z.string()),
  /** What being in it gives over Sallyport and approvals, a phrase each. */
  confers: z.array(z.string()),
});
export type GroupView = z.infer<typeof group>;

export const addGroupBody = z.object({ name: groupName });
