// When policy asks for a passkey: as an obligation (`@stepUp("passkey")`), or by a condition on `context.mfaAge` that
// would hold had it just been used. Then the answer is not "no" but "use it": nothing is written, and the portal goes on
// by itself afterwards.

import type { Obligations } from '../api/requests.ts';
import { Failure } from '../base/errors.ts';
import { STEP_UP_FRESH_SECONDS, stepUpRequired } from '../identity/sign-in-context.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import type { Caller } from './submit.ts';

type Asking = Pick<GrantsContext, 'publicUrl'>;

/** Errors: `step-up-required`. For those who have no passkeys it is a plain no. */
export function requireStepUp(ctx: Asking, caller: Caller, obligations: Pick<Obligations, 'stepUp'>): void {
  if (obligations.stepUp !== 'passkey' || isFresh(caller.mfaAgeSeconds)) return;
  if (caller.principal.kind !== 'person') {
    throw new Failure('denied', 'people-only', 'Policy asks for a passkey here, and only people have one.');
  }
  throw stepUpRequired(ctx, 'Policy asks for your passkey here.');
}

export function isFresh(mfaAgeSeconds: number | null): boolean {
  return mfaAgeSeconds !== null && mfaAgeSeconds <= STEP_UP_FRESH_SECONDS;
}

/** After a no: was it only for want of a passkey? `allowed` tries with one that was used just now. */
export function askForPasskeyIf(
  ctx: Asking,
  caller: Caller,
  allowed: (mfaAgeSeconds: number) => boolean,
): void {
  if (caller.principal.kind !== 'person' || caller.mfaAgeSeconds === 0 || !allowed(0)) return;
  throw stepUpRequired(ctx, 'Policy allows this only after you have used your passkey.');
}

export function withMfaAge(facts: DecisionFacts, mfaAgeSeconds: number | null): DecisionFacts {
  return { ...facts, context: { ...facts.context, mfaAgeSeconds } };
}
