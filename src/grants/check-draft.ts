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
import { textOf } from '../policy/engine/policy-text.ts';
import { rulesInScope } from '../policy/engine/reach.ts';
import type { Rule } from '../policy/engine/rule.ts';
import { viewPolicy } from '../policy/policy-view.ts';
import type { PolicyFiles } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { factsToExplain } from './explain.ts';
import type { Caller } from './submit.ts';

/** Policies in the example's scope that are compiled again beside the draft, at some 1 ms each; sessions wait for it. */
const MOST_TRIED_TOGETHER = 100;

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
  const concerned = rulesInScope(current, facts);
  const together = concerned.length <= MOST_TRIED_TOGETHER;
  const both = together
    ? compilePolicies({ ...filesOf(concerned, current, ctx.policies.files()), [file]: text })
    : draft;
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

/** Those policies alone, under the ids that they have in the whole set. */
function filesOf(rules: readonly Rule[], set: CompiledPolicies, files: PolicyFiles): PolicyFiles {
  const byFile = Map.groupBy(set.rules, (rule) => rule.file);
  const some: PolicyFiles = {};
  for (const rule of rules) {
    const own = textOf(rule, byFile.get(rule.file) ?? [], files[rule.file] ?? '');
    const id = rule.notes.id === null ? `@id("${rule.id.slice(rule.id.lastIndexOf('/') + 1)}")\n` : '';
    some[rule.file] = `${some[rule.file] ?? ''}${id}${own}\n`;
  }
  return some;
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
