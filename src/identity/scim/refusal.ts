// A directory's mistakes in the words of RFC 7644 (3.12): `facts.scimType` goes into the answer.

import { conflict, Failure } from '../../base/errors.ts';

export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'
  | 'mutability';

export function scimRefusal(scimType: ScimType, detail: string, cause?: unknown): Failure {
  return new Failure('invalid', 'scim-refused', detail, { facts: { scimType }, cause });
}

export function notUnique(detail: string): Failure {
  return conflict('scim-uniqueness', detail, { facts: { scimType: 'uniqueness' } });
}

export function versionMismatch(): Failure {
  return conflict('scim-version', 'It has changed since the version that If-Match names.');
}

/** A schema of api/. */
interface Reader<T> {
  safeParse(
    raw: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

/** What `schema` says of it. Errors: `invalidValue`, naming the attribute. */
export function readAs<T>(schema: Reader<T>, raw: unknown): T {
  const read = schema.safeParse(raw);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw scimRefusal('invalidValue', `${issue?.path.join('.') || 'The resource'}: ${issue?.message}`);
}
