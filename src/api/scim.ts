// SCIM 2.0 on the wire (RFC 7643, 7644): only what Sallyport reads; the rest of a resource is kept as it came.

import { z } from 'zod';

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const ENTERPRISE_SCHEMA = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
export const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error';
export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

export const SCIM_TYPE = 'application/scim+json';
export const LARGEST_SCIM_PAGE = 200;
export const MOST_MEMBERS = 20_000;
const MOST_OPERATIONS = 1_000;
const LONGEST_FILTER = 1_000;

const DEEPEST = 12;

// The store holds no zero bytes and no halves of characters; nobody nests a resource deeper.
function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return (
    depth < DEEPEST &&
    Object.entries(value).every(([key, one]) => isStorable(key) && isStorable(one, depth + 1))
  );
}
const STORABLE = 'It holds a zero byte or half a character, or is nested too deep.';

export const scimBody = z.record(z.string(), z.unknown()).refine((body) => isStorable(body), STORABLE);
export const scimId = z.string().regex(/^[!-~]{1,64}$/);
export type ScimResource = Record<string, unknown>;

/** What is read of a user that has the form of the schema. */
export const scimUser = z.looseObject({
  userName: z.string().trim().min(1).max(100),
  externalId: z.string().max(500).optional(),
  displayName: z.string().optional(),
  name: z
    .looseObject({
      formatted: z.string().optional(),
      givenName: z.string().optional(),
      familyName: z.string().optional(),
    })
    .optional(),
  title: z.string().optional(),
  userType: z.string().optional(),
  active: z.boolean().optional(),
  emails: z
    .array(
      z.looseObject({
        value: z.string().max(320).optional(),
        type: z.string().optional(),
        primary: z.boolean().optional(),
      }),
    )
    .optional(),
  [ENTERPRISE_SCHEMA]: z
    .looseObject({ manager: z.looseObject({ value: z.string().optional() }).optional() })
    .optional(),
});
export type ScimUser = z.infer<typeof scimUser>;

export const scimMember = z.looseObject({ value: z.string().min(1).max(64), type: z.string().optional() });

export const scimMemberList = z.array(scimMember).max(MOST_MEMBERS, `At most ${MOST_MEMBERS} members.`);
export const scimText = z.string().trim().min(1).max(500);

export const scimGroup = z.looseObject({
  displayName: z.string().trim().min(1).max(100),
  externalId: z.string().max(500).optional(),
  members: scimMemberList.default([]),
});
export type ScimGroup = z.infer<typeof scimGroup>;

export const scimPatch = z.looseObject({
  schemas: z.array(z.literal(PATCH_SCHEMA)).length(1),
  Operations: z
    .array(
      z.object({
        op: z
          .string()
          .transform((text) => text.toLowerCase())
          .pipe(z.enum(['add', 'remove', 'replace'])),
        path: z.string().min(1).max(LONGEST_FILTER).optional(),
        value: z.unknown().optional(),
      }),
    )
    .min(1)
    .max(MOST_OPERATIONS)
    .refine((operations) => isStorable(operations), STORABLE),
});
export type ScimPatch = z.infer<typeof scimPatch>;
export type ScimOperation = ScimPatch['Operations'][number];

export const scimListQuery = z.object({
  filter: z.string().max(LONGEST_FILTER).refine(isStorable, STORABLE).optional(),
  // Out of range is brought into it (RFC 7644, 3.4.2.4).
  startIndex: z.coerce.number().int().default(1),
  count: z.coerce.number().int().default(100),
  attributes: z.string().max(LONGEST_FILTER).optional(),
  excludedAttributes: z.string().max(LONGEST_FILTER).optional(),
});
export type ScimListQuery = z.infer<typeof scimListQuery>;

export const scimViewQuery = scimListQuery.pick({ attributes: true, excludedAttributes: true });
export type ScimViewQuery = z.infer<typeof scimViewQuery>;
