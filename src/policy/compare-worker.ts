// The thread that makes stored decisions again: a hundred thousand take some fifteen seconds, and nobody's session or
// request waits for that. It is told two sets and then rows, and answers each message with one.

import { parentPort } from 'node:worker_threads';
import { Comparison } from './compare.ts';
import type { CompareAnswer, CompareMessage } from './compare-messages.ts';
import { approversThatChange, rightsThatChange } from './compare-people.ts';
import { type CompiledPolicies, compilePolicies } from './engine/compile.ts';
import type { DecisionFacts } from './engine/facts.ts';

/** Tasks on targets whose approvers are looked at. */
const MOST_ASKED = 20;

let sets: { before: CompiledPolicies; after: CompiledPolicies; nowMs: number } | null = null;
let comparison: Comparison | null = null;
const asked = new Map<string, DecisionFacts>();

function answer(message: CompareMessage): CompareAnswer {
  if (message.kind === 'sets') {
    const { nowMs } = message;
    sets = { before: compilePolicies(message.before), after: compilePolicies(message.after), nowMs };
    comparison = new Comparison(sets.before, sets.after, nowMs);
    return { kind: 'ready' };
  }
  if (sets === null || comparison === null) throw new Error('Rows came before the sets.');
  if (message.kind === 'rows') {
    comparison.add(message.rows);
    for (const { action, facts } of message.rows) {
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
