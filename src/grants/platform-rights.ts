// Rights over Sallyport itself are policy like any other: who may administer, who may read the log. The address and
// the time of the call count too, so a policy can keep administration inside one network.

import { permittedOnPlatform } from '../policy/engine/decide.ts';
import type { PlatformFacts } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import { principalFacts } from './facts.ts';
import type { Caller } from './submit.ts';

export type PlatformRight = 'administer' | 'audit' | 'changePolicy';

type RightsContext = Pick<GrantsContext, 'policies'>;

export function mayOnPlatform(ctx: RightsContext, caller: Caller, right: PlatformRight): boolean {
  if (caller.principal.kind !== 'person') return false;
  return permittedOnPlatform(ctx.policies.current(), right, platformFacts(caller)).allowed;
}

export function platformFacts(caller: Caller): PlatformFacts {
  return {
    principal: principalFacts(caller.principal),
    context: { sourceIp: caller.sourceAddress, nowMs: Date.now(), mfaAgeSeconds: caller.mfaAgeSeconds },
  };
}

export function mayAdminister(ctx: RightsContext, caller: Caller): boolean {
  return mayOnPlatform(ctx, caller, 'administer');
}

/** Whose requests, grants and sessions a caller sees: everybody's, or their own and those they may decide. */
export function seesEverything(ctx: RightsContext, caller: Caller): boolean {
  return mayOnPlatform(ctx, caller, 'audit') || mayAdminister(ctx, caller);
}

export function platformRightsOf(ctx: RightsContext, caller: Caller): PlatformRight[] {
  return (['administer', 'audit', 'changePolicy'] as const).filter((right) =>
    mayOnPlatform(ctx, caller, right),
  );
}
