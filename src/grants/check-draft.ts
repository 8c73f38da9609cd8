// A draft of policies, checked as a publication would check it, told as sentences, and tried on one example beside
// what is in force. Nothing is written.

import { z } from 'zod';
import {
  type CheckedPolicy,
  type CheckPolicyBody,
  type PolicyProblemView,
  policyProblem,
} from '../api/policy-draft.ts';
import type { ExplainBody, Preview } from '../api/requests.ts';
import { Failure } from '../base/errors.ts';
import { type CompiledPolicies, compilePolicies } from '../policy/engine/compile.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Decided } from '../policy/engine/facts.ts';
import { viewPolicy } from '../policy/policy-view.ts';
import type { PolicyFiles } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { factsToExplain } from './explain.ts';
import type { Caller } from './submit.ts';

/** Larger sets in force are not compiled again for a look: that would hold up everybody for seconds. */
const MOST_TRIED_TOGETHER = 300;

/** Mistakes in the draft are the answer. Errors: those of the example (`explain`). */
export async function checkDraft(
  ctx: GrantsContext,
  caller: Caller,
  body: CheckPolicyBody,
): Promise<CheckedPolicy> {
  const inForce = ctx.policies.files();
  const file = nameBeside(inForce);
  const read = compiled({ [file]: body.text });
  if (!('rules' in read)) return { problems: read.problems, policies: [], example: null };
  const policies = read.rules.map((rule) => viewPolicy(rule, read.rules, body.text, Date.now()));
  if (body.example === undefined) return { problems: [], policies, example: null };
  return { problems: [], policies, example: await tried(ctx, caller, body.example, read, [file, body.text]) };
}

async function tried(
  ctx: GrantsContext,
  caller: Caller,
  example: ExplainBody,
  draft: CompiledPolicies,
  [file, text]: [string, string],
): Promise<CheckedPolicy['example']> {
  const { facts } = await factsToExplain(ctx, caller, example);
  const current = ctx.policies.current();
  const together = current.rules.length <= MOST_TRIED_TOGETHER;
  const both = together ? compilePolicies({ ...ctx.policies.files(), [file]: text }) : draft;
  return {
    inForce: previewOf(decide(current, facts)),
    withDraft: previewOf(decide(both, facts)),
    together,
  };
}

// What somebody holds already is not counted here: a draft is judged by what it says.
function previewOf({ outcome, reasons, obligations, longestSeconds, enough }: Decided): Preview {
  return { decision: { outcome, reasons, obligations }, longestSeconds, enough, limits: [] };
}

function compiled(files: PolicyFiles): CompiledPolicies | { problems: PolicyProblemView[] } {
  try {
    return compilePolicies(files);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'policy-invalid') throw error;
    return { problems: z.array(policyProblem).parse(error.facts?.errors) };
  }
}

/** A file of the set in force must not be what the draft replaces. */
function nameBeside(files: PolicyFiles): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? 'draft.cedar' : `draft-${number}.cedar`;
    if (files[name] === undefined) return name;
  }
}
