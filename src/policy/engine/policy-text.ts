// A policy's own text, as somebody wrote it: from its line to the semicolon that ends it.

import { policyToText } from '@cedar-policy/cedar-wasm/nodejs';
import type { Rule } from './rule.ts';

/** `text` is the file that `rule` is in, `others` the rules of that file. Cedar's own form where two share a line. */
export function textOf(rule: Rule, others: readonly Rule[], text: string): string {
  const { line } = rule;
  if (line === null || others.some((other) => other !== rule && (other.line === null || other.line === line)))
    return canonical(rule);
  const after = others.flatMap((other) => (other.line !== null && other.line > line ? [other.line] : []));
  const lines = text.split('\n');
  const own = lines.slice(line - 1, Math.min(lines.length, ...after.map((next) => next - 1))).join('\n');
  const last = endOf(own);
  return last === null ? canonical(rule) : own.slice(0, last);
}

function canonical(rule: Rule): string {
  const answer = policyToText(rule.json);
  return answer.type === 'success' ? answer.text : '';
}

/** Just after the first semicolon that stands in no string and no comment. */
function endOf(text: string): number | null {
  for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*|;/gs)) {
    if (token[0] === ';') return token.index + 1;
  }
  return null;
}
