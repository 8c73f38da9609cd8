// Cedar's own formatter: one form for all policies, so that a change of policy shows what changed and nothing else.

import { formatPolicies } from '@cedar-policy/cedar-wasm/nodejs';
import { Failure } from '../../base/errors.ts';

const LINE_WIDTH = 110;
const INDENT_WIDTH = 2;

/** The same policies in the usual form, comments kept. Errors: `policy-invalid` where the text is not Cedar. */
export function formatPolicyText(file: string, text: string): string {
  const answer = formatPolicies({ policyText: text, lineWidth: LINE_WIDTH, indentWidth: INDENT_WIDTH });
  if (answer.type === 'success') return `${answer.formatted_policy.trimEnd()}\n`;
  const [first] = answer.errors;
  throw new Failure(
    'invalid',
    'policy-invalid',
    `${file} cannot be formatted: ${first?.message ?? 'it is not Cedar'}`,
  );
}
