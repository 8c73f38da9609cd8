// Every failure that a person may see: a stable code, a public message that says what to do next,
// and a private cause that only the log gets. Only http/ knows status codes; `kind` is what it maps.

/** What kind of failure it is, in the words of the domain. `http/problem.ts` maps each to one status. */
export type FailureKind =
  | 'invalid' // the input is wrong; `field` names it
  | 'unauthenticated' // nobody is signed in, or the token is not valid
  | 'denied' // signed in, and may not
  | 'not-found' // absent, or not yours to see
  | 'conflict' // the thing has changed, or its state does not allow this
  | 'gone' // it was here, and was removed for good
  | 'too-large' // a body or value over its limit
  | 'limit' // a quota or queue is full
  | 'unavailable' // something that this needs (store, target, disk) cannot be reached
  | 'timeout'; // it was still under way when the wait ended

export interface FailureDetail {
  /** The input's field that is wrong, by its wire name. */
  field?: string;
  /** What would be accepted instead, or the next step, in one sentence. */
  hint?: string;
  /** Machine-readable facts for the client; never secrets. */
  facts?: Record<string, unknown>;
  /** The private cause: for the log only. */
  cause?: unknown;
}

/** An expected failure. `code` is stable kebab-case (`unknown-target`); `message` is public. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly field: string | undefined;
  readonly hint: string | undefined;
  readonly facts: Record<string, unknown> | undefined;

  constructor(kind: FailureKind, code: string, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Failure';
    this.kind = kind;
    this.code = code;
    this.field = detail.field;
    this.hint = detail.hint;
    this.facts = detail.facts;
  }
}

export function invalid(field: string, message: string, hint?: string): Failure {
  return new Failure('invalid', 'invalid-input', message, { field, ...(hint === undefined ? {} : { hint }) });
}

/** `what` is a noun of product.md ("request"), `name` what was asked for. Also used for what one may not see. */
export function notFound(what: string, name: string): Failure {
  return new Failure('not-found', `unknown-${what}`, `There is no ${what} "${name}" that you can see.`);
}

export function conflict(code: string, message: string, detail: FailureDetail = {}): Failure {
  return new Failure('conflict', code, message, detail);
}

/** The message of anything thrown, for logs: never for a client. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The SQLSTATE or system error code of anything thrown, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
