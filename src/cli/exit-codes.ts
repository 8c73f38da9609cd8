// The exit codes that scripts rely on, and which failure means which: one literal table.

import { Failure, type FailureKind } from '../base/errors.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  loginNeeded: 3,
  denied: 4,
  timedOut: 5,
  expired: 6,
  unreachable: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_KIND: Record<FailureKind, ExitCode> = {
  invalid: EXIT.usage,
  unauthenticated: EXIT.loginNeeded,
  denied: EXIT.denied,
  'not-found': EXIT.failed,
  conflict: EXIT.failed,
  gone: EXIT.failed,
  'too-large': EXIT.usage,
  limit: EXIT.failed,
  unavailable: EXIT.failed,
  timeout: EXIT.timedOut,
};

/** `code` is a Failure's; ours and the server's share one vocabulary. */
const BY_CODE: Record<string, ExitCode> = {
  interrupted: EXIT.interrupted,
  'server-unreachable': EXIT.unreachable,
  // Signed in, and not strongly enough: the hint says where to.
  'step-up-required': EXIT.loginNeeded,
};

/** The exit code for anything thrown. What nobody expected is 1. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Failure)) return EXIT.failed;
  if (/(^|-)expired$/.test(error.code)) return EXIT.expired;
  return BY_CODE[error.code] ?? BY_KIND[error.kind];
}

export function interrupted(message: string, hint?: string): Failure {
  return new Failure('conflict', 'interrupted', message, hint === undefined ? {} : { hint });
}

/** A command line that cannot be meant: always with what to write instead. */
export function usage(message: string, hint: string): Failure {
  return new Failure('invalid', 'usage', message, { hint });
}
