// A large set is compiled while decisions go on, and comes to what it would come to in place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Failure } from '../../base/errors.ts';
import { compilePolicies } from './compile.ts';
import { compileAside } from './compile-aside.ts';
import { decide } from './decide.ts';
import { exampleFacts } from './example-facts.ts';

const BOTH = 'action in [Action::"request", Action::"autoApprove"]';
const OLD = compilePolicies({ 'old.cedar': `permit (principal, ${BOTH}, resource);` });

/** One policy a person, each with a limit of its own. */
function large(count: number): Record<string, string> {
  const texts = Array.from(
    { length: count },
    (_, i) =>
      `@id("p${i}") permit (principal == Person::"p${i}", ${BOTH}, resource) when { context.duration <= duration("${i + 1}s") && context.task in [Task::"read", Task::"fix"] };`,
  );
  return { 'a.cedar': texts.slice(100).join('\n'), 'b.cedar': texts.slice(0, 100).join('\n') };
}

test('decisions are answered while a large set is compiled, and then the new set decides', async () => {
  const files = large(800);
  let answered = 0;
  let isDone = false;
  const compiling = compileAside(files).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    assert.equal(decide(OLD, exampleFacts()).outcome, 'allow');
    answered++;
    await nextTurn();
  }
  // Compiled in place, it would be done before the second turn.
  assert.ok(answered >= 20, `only ${answered} decisions were answered meanwhile`);
  const aside = await compiling;
  const inPlace = compilePolicies(files);
  assert.equal(aside.digest, inPlace.digest);
  assert.deepEqual(aside.rules, inPlace.rules);
  assert.deepEqual(aside.shards, inPlace.shards);
  const outcome = (name: string, durationSeconds: number) =>
    decide(aside, exampleFacts({ principal: { name }, task: 'fix', context: { durationSeconds } })).outcome;
  assert.equal(outcome('p799', 800), 'allow');
  assert.equal(outcome('p799', 801), 'deny');
  assert.equal(outcome('p42', 44), 'deny');
});

test('a mistake in a large set is told from the thread as it is in place', async () => {
  const files = { ...large(200), 'z.cedar': 'permit (principal,\n  acton, resource);' };
  const failureOf = (error: unknown) => {
    assert.ok(error instanceof Failure);
    const { kind, code, message, field, hint, facts } = error;
    return { kind, code, message, field, hint, facts };
  };
  const aside = await compileAside(files).then(() => assert.fail('was taken'), failureOf);
  assert.equal(aside.code, 'policy-invalid');
  assert.match(aside.message, /z\.cedar:2/);
  assert.throws(
    () => compilePolicies(files),
    (error) => {
      assert.deepEqual(failureOf(error), aside);
      return true;
    },
  );
});

test('whoever stops meanwhile does not wait for it', async () => {
  const stopping = new AbortController();
  const compiling = compileAside(large(5_000), stopping.signal);
  stopping.abort(new Error('stopping'));
  await assert.rejects(compiling, (error) => error instanceof Failure && error.code === 'compile-failed');
  await assert.rejects(
    compileAside(large(5_000), stopping.signal),
    (error) => error instanceof Failure && error.code === 'compile-failed',
  );
});
