// The thread that makes stored decisions again: a hundred thousand take some seconds, and nobody's session or request
// waits for that. It is told two sets, some rules at a time, and then rows, and answers each message with one.

import { parentPort } from 'node:worker_threads';
import { Comparison, type StoredRow } from './compare.ts';
import type { CompareAnswer, CompareMessage, RowText } from './compare-messages.ts';
import { approversThatChange, rightsThatChange } from './compare-people.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import type { DecisionFacts } from './engine/facts.ts';
import type { Rule } from './engine/rule.ts';
import { addToShards, newShards } from './engine/shards.ts';

/** Tasks on targets whose approvers are looked at. */
const MOST_ASKED = 20;

const rules: Record<'before' | 'after', Rule[]> = { before: [], after: [] };
let sets: { before: CompiledPolicies; after: CompiledPolicies; nowMs: number } | null = null;
let comparison: Comparison | null = null;
const asked = new Map<string, DecisionFacts>();

function setOf(digest: string, own: Rule[]): CompiledPolicies {
  const shards = newShards();
  addToShards(shards, own);
  return { digest, rules: own, shards };
}

function parsed(row: RowText): StoredRow {
  return { ...row, facts: JSON.parse(row.facts), obligations: JSON.parse(row.obligations) };
}

function answer(message: CompareMessage): CompareAnswer {
  if (message.kind === 'rules') {
    for (const rule of message.rules) rules[message.of].push(rule);
    return { kind: 'ready' };
  }
  if (message.kind === 'sets') {
    const { before, after, nowMs } = message;
    sets = { before: setOf(before, rules.before), after: setOf(after, rules.after), nowMs };
    comparison = new Comparison(sets.before, sets.after, nowMs);
    return { kind: 'ready' };
  }
  if (sets === null || comparison === null) throw new Error('Rows came before the sets.');
  if (message.kind === 'rows') {
    const rows = message.rows.map(parsed);
    comparison.add(rows);
    for (const { action, facts } of rows) {
      const key = `${facts.task.name} ${facts.target.name}`;
      if (action === 'request' && asked.size < MOST_ASKED && !asked.has(key)) asked.set(key, facts);
    }
    return { kind: 'ready' };
  }
  return {
    kind: 'result',
    compared: comparison.result(),
    rights: rightsThatChange(sets, message.people),
    approvers: approversThatChange(sets, message.people, [...asked.values()]),
  };
}

parentPort?.on('message', (message: CompareMessage) => {
  parentPort?.postMessage(answer(message));
});
