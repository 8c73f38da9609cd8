// Why a call failed, as something that a page can show: the server's own words where it answered, ours where it
// could not be reached.

import { type Problem, problem } from '../../src/api/problem.ts';

/** `status` is 0 when the server could not be reached at all. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly hint: string | undefined;

  constructor(status: number, code: string, message: string, detail: { field?: string; hint?: string } = {}) {
    super(message);
    this.name = 'ApiFailure';
    this.status = status;
    this.code = code;
    this.field = detail.field;
    this.hint = detail.hint;
  }
}

export function unreachable(): ApiFailure {
  return new ApiFailure(0, 'unreachable', 'The server cannot be reached.', {
    hint: 'This page goes on by itself as soon as it answers.',
  });
}

/** From a refused answer's status and body; a body that is no problem+json still gives a sentence. */
export function failureFrom(status: number, body: unknown): ApiFailure {
  const parsed = problem.safeParse(body);
  if (!parsed.success)
    return new ApiFailure(status, 'unexpected', `The server answered with status ${status}.`);
  const said: Problem = parsed.data;
  return new ApiFailure(status, said.code, said.detail, {
    ...(said.field === undefined ? {} : { field: said.field }),
    ...(said.hint === undefined ? {} : { hint: said.hint }),
  });
}

/** The answer was there and is not what this version of the portal understands. */
export function misunderstood(path: string): ApiFailure {
  return new ApiFailure(
    200,
    'misunderstood',
    `The answer of ${path.split('?')[0] ?? path} has another shape than expected.`,
    {
      hint: 'Reload the page: the server may have been upgraded.',
    },
  );
}

export const isUnauthenticated = (error: unknown): boolean =>
  error instanceof ApiFailure && error.status === 401;
export const isConflict = (error: unknown): boolean => error instanceof ApiFailure && error.status === 409;
export const isNotFound = (error: unknown): boolean => error instanceof ApiFailure && error.status === 404;
export const isUnreachable = (error: unknown): boolean => error instanceof ApiFailure && error.status === 0;

/** The server would go on after a passkey. */
export const wantsPasskey = (error: unknown): error is ApiFailure =>
  error instanceof ApiFailure && error.code === 'step-up-required';

/** One sentence for people, whatever was thrown. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiFailure)) return 'Something went wrong in this page. Reload it to go on.';
  return error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
}
