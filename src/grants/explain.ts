// "What would policy say?", for anybody, at any time, from anywhere; nothing is written. Others than oneself only for
// who may administer or audit, since the answer tells what they could reach.

import type { ExplainBody, Preview } from '../api/requests.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import { type Principal, principalByName } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts, loadAsked, loadSponsor } from './facts.ts';
import { seesEverything } from './platform-rights.ts';
import { type Caller, previewFor } from './submit.ts';

/** By the policies in force, or by `policies`. Errors: `may-not`; those of `loadAsked`. */
export async function explain(
  ctx: GrantsContext,
  caller: Caller,
  body: ExplainBody,
  policies: CompiledPolicies = ctx.policies.current(),
): Promise<Preview> {
  const { principal, facts } = await factsToExplain(ctx, caller, body);
  return previewFor(ctx, principal, facts, policies);
}

/** What such a question rests on. Errors: `may-not`, those of `loadAsked`, `unknown-principal`. */
export async function factsToExplain(
  ctx: GrantsContext,
  caller: Caller,
  body: ExplainBody,
): Promise<{ principal: Principal; facts: DecisionFacts }> {
  const own = body.principal === undefined || body.principal === caller.principal.name;
  if (!own && !seesEverything(ctx, caller)) {
    throw new Failure('denied', 'may-not', 'You may ask for yourself only.', {
      field: 'principal',
      hint: 'Leave the principal out, or ask somebody who may audit.',
    });
  }
  const principal = own ? caller.principal : await principalByName(ctx.db, body.principal ?? '');
  const asked = await loadAsked(ctx.db, body);
  const moment = body.at === undefined ? asked : { ...asked, now: new Date(body.at) };
  const circumstances = {
    sourceAddress: body.sourceAddress ?? caller.sourceAddress,
    durationSeconds: parseDuration(body.duration),
    reason: body.reason ?? '',
    ticket: body.ticket ?? null,
    mfaAgeSeconds: own ? caller.mfaAgeSeconds : null,
  };
  const sponsor = await loadSponsor(ctx.db, principal);
  return { principal, facts: decisionFacts(principal, moment, circumstances, sponsor) };
}
