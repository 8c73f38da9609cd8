// What PostgreSQL or the network says, as a Failure that a person can act on. It matches SQLSTATE and system codes,
// never message text, and keeps nothing that could hold a secret: the server's context (`where`, `internalQuery`)
// repeats whole statements, verifiers included, so it is dropped.

import pg from 'pg';
import { codeOf, Failure, type FailureKind, messageOf } from '../../../base/errors.ts';

const NOT_REACHED = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
]);

type Told = [kind: FailureKind, code: string, message: string, hint?: string];

/** By SQLSTATE. */
const TOLD: Record<string, Told> = {
  '28P01': ['unavailable', 'target-login-failed', 'The target refused the administrator’s password.'],
  '28000': [
    'unavailable',
    'target-login-failed',
    'The target does not let the administrator log in (role or pg_hba.conf).',
  ],
  '3D000': ['unavailable', 'target-database-missing', 'The database does not exist on the target.'],
  '42501': [
    'unavailable',
    'target-right-missing',
    'The administrator lacks a right on the target.',
    'Check the target: it prints the SQL that is missing.',
  ],
  '0LP01': [
    'unavailable',
    'target-right-missing',
    'The administrator may not give or take a membership on the target.',
    'Check the target: it prints the SQL that is missing.',
  ],
  '55P03': ['unavailable', 'target-locked', 'Another session on the target holds a lock that this needs.'],
  '57014': ['timeout', 'target-timeout', 'The target took too long.'],
  '53300': ['unavailable', 'target-full', 'The target accepts no more connections.'],
};

/** The server names what is missing in its message: identifiers only, so people may see it. */
const MISSING_OBJECT = new Set(['42P01', '3F000', '42703', '42883', '42704']);

export const isDatabaseError = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError;

/** Ours, not the target's: it must not look like an outage. */
const isBug = (error: unknown): error is Error =>
  error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;

/** `phase` tells an unnamed error while connecting (no code) from one in the middle of work. */
export function asFailure(error: unknown, phase: 'connecting' | 'working'): Error {
  if (error instanceof Failure || isBug(error)) return error;
  const code = codeOf(error);
  const cause = withoutSecrets(error, code);
  if (isDatabaseError(error) && code !== undefined) {
    const told = TOLD[code];
    if (told !== undefined) {
      const [kind, name, message, hint] = told;
      return new Failure(kind, name, message, {
        cause,
        facts: { sqlstate: code },
        ...(hint === undefined ? {} : { hint }),
      });
    }
    if (MISSING_OBJECT.has(code))
      return new Failure('unavailable', 'target-object-missing', `The target says: ${error.message}.`, {
        cause,
        facts: { sqlstate: code },
      });
  }
  if (code !== undefined && (NOT_REACHED.has(code) || code.startsWith('08')))
    return new Failure('unavailable', 'target-down', `The target does not answer (${code}).`, { cause });
  if (phase === 'connecting' || !isDatabaseError(error))
    return new Failure('unavailable', 'target-down', 'The connection to the target failed.', { cause });
  return new Failure('unavailable', 'target-error', `The target answered with an error (SQLSTATE ${code}).`, {
    cause,
    facts: { sqlstate: code },
  });
}

export const aborted = (): Failure =>
  new Failure('timeout', 'target-aborted', 'The wait for the target was given up.');

function withoutSecrets(error: unknown, code: string | undefined): Error {
  return new Error(code === undefined ? messageOf(error) : `${code}: ${messageOf(error)}`);
}
