// Whose tokens jobs may exchange, and for which service: the part `workloadIdentity` of the configuration. A rule must
// name what cannot be renamed or taken over (numeric ids, uids), so a shape that is known refuses a rule without them.

import { z } from 'zod';
import { parseAddressRange } from '../base/address-ranges.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';

const MOST_ISSUERS = 20;
const MOST_RULES = 200;
const MOST_RANGES = 20;
const LONGEST_LIFETIME_SECONDS = 3600;

/** Asymmetric ones only: with a shared secret, whoever can verify can also sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Fails with the message of a `Failure` that `parse` throws. */
function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, issues): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      issues.addIssue({ code: 'custom', message: `${error.message} ${error.hint ?? ''}`.trim() });
      return z.NEVER;
    }
  });
}

export const addressRange = parsed((text) => parseAddressRange(text).text);

// YAML reads a bare 123456 as a number; ids are compared as texts.
const claim = z.union([z.string().min(1).max(500), z.number().int(), z.boolean()]).transform(String);
const numericId = claim.pipe(z.string().regex(/^[0-9]{1,20}$/, 'The number, never the name.'));

const oneOf = (names: string[], why: string) => ({
  check: (claims: Record<string, unknown>) => names.some((name) => claims[name] !== undefined),
  message: `${why}: name one of ${names.join(', ')}.`,
});

const GITHUB = oneOf(['environment', 'ref', 'job_workflow_ref'], 'Any branch of the repository would do');
const GITLAB = oneOf(['environment', 'ref', 'ref_protected'], 'Any branch of the project would do');

/** By shape: the claims that a rule may name, and those that it must. */
const CLAIMS = {
  github: z
    .object({
      repository_id: numericId,
      repository_owner_id: numericId.optional(),
      environment: claim.optional(),
      ref: claim.optional(),
      job_workflow_ref: claim.optional(),
      event_name: claim.optional(),
      runner_environment: claim.optional(),
    })
    .strict()
    .refine(GITHUB.check, GITHUB.message),
  gitlab: z
    .object({
      project_id: numericId,
      namespace_id: numericId.optional(),
      environment: claim.optional(),
      ref: claim.optional(),
      ref_type: claim.optional(),
      ref_protected: claim.optional(),
      environment_protected: claim.optional(),
    })
    .strict()
    .refine(GITLAB.check, GITLAB.message),
  kubernetes: z.object({ namespace: claim, serviceaccount: claim, uid: claim }).strict(),
  custom: z
    .record(z.string().min(1).max(200), claim)
    .refine((claims) => claims.sub !== undefined, 'Name at least sub.'),
} as const;

const service = z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,99}$/, 'The name of a service.');

function issuerOf<Shape extends keyof typeof CLAIMS>(shape: Shape) {
  const rule = z
    .object({
      service,
      claims: CLAIMS[shape],
      scopes: z
        .array(z.enum(['read', 'request']))
        .min(1)
        .default(['read', 'request']),
      addresses: z.array(addressRange).min(1).max(MOST_RANGES).optional(),
      lifetime: parsed((text) => parseDuration(text, 'lifetime', LONGEST_LIFETIME_SECONDS)).default(1800),
    })
    .strict();
  return z
    .object({
      shape: z.literal(shape),
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'Lower-case letters, digits and - only.'),
      issuer: secureUrl,
      audience: z.string().min(1).max(500),
      jwks: secureUrl.optional(),
      algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256']),
      rules: z.array(rule).min(1).max(MOST_RULES),
    })
    .strict();
}

const secureUrl = z
  .string()
  .max(500)
  .refine(isSecure, 'An https:// address (http:// for this machine only), without user, query or fragment.');

function isSecure(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const near = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  return (
    (protocol === 'https:' || (protocol === 'http:' && near)) &&
    `${username}${password}${search}${hash}` === ''
  );
}

export const workloadIdentitySchema = z
  .object({
    issuers: z
      .array(
        z.discriminatedUnion('shape', [
          issuerOf('github'),
          issuerOf('gitlab'),
          issuerOf('kubernetes'),
          issuerOf('custom'),
        ]),
      )
      .max(MOST_ISSUERS)
      .refine((issuers) => isDistinct(issuers.map((one) => one.issuer)), 'Each issuer may stand here once.')
      .refine((issuers) => isDistinct(issuers.map((one) => one.name)), 'Each name may stand here once.'),
  })
  .strict();

export type WorkloadIdentityConfig = z.infer<typeof workloadIdentitySchema>;

const isDistinct = (texts: string[]) => new Set(texts).size === texts.length;
