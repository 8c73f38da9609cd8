import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createStepBudget } from './step-budget.ts';

type Budget = ReturnType<typeof createStepBudget>;

function fill(budget: Budget, target: string): ((failed: boolean) => void)[] {
  const ends: ((failed: boolean) => void)[] = [];
  while (budget.mayBegin(target)) ends.push(budget.begin(target));
  return ends;
}

/** A budget with targets that have had something to do for longer than it takes to grow. */
async function busy(...targets: string[]): Promise<Budget> {
  const budget = createStepBudget();
  const ends = targets.map((target) => budget.begin(target));
  await pause(2_600);
  for (const end of ends) end(false);
  return budget;
}

describe('the budget of steps', () => {
  it('lets another target work as soon as steps hang on the first', async () => {
    const budget = await busy('dead', 'dead too', 'well');
    assert.equal(fill(budget, 'dead').length, 160);
    assert.equal(fill(budget, 'dead too').length, 160, 'one alone leaves room');
    assert.equal(budget.mayBegin('well'), false);
    await pause(1_200);
    assert.equal(budget.mayBegin('dead'), false, 'it has all that it may hang with');
    assert.deepEqual(budget.full(), ['dead', 'dead too']);
    assert.ok(fill(budget, 'well').length >= 16);
  });

  it('begins a burst with what the connections take, and grows to all of it; after a rest it begins again', async () => {
    const budget = createStepBudget();
    const ends = fill(budget, 'well');
    assert.equal(ends.length, 16);
    assert.deepEqual(budget.full(), ['well']);
    assert.equal(fill(budget, 'well too').length, 16, 'each of them');
    await pause(1_200);
    ends.push(...fill(budget, 'well'));
    assert.ok(ends.length > 40 && ends.length < 140, `by and by: ${ends.length}`);
    await pause(1_500);
    for (const end of ends.splice(0)) end(false);
    await pause(300);
    ends.push(...fill(budget, 'well'));
    assert.equal(ends.length, 160, 'the pause between two looks is no rest');
    for (const end of ends.splice(0)) end(false);
    await pause(1_100);
    assert.equal(fill(budget, 'well').length, 16);
  });

  it('gives a target that failed a few at a time, beside the others, until one succeeds', async () => {
    const budget = await busy('well');
    budget.begin('dead')(true);
    const ends = fill(budget, 'dead');
    assert.equal(ends.length, 4);
    assert.equal(fill(budget, 'well').length, 160);
    ends[0]?.(false);
    for (const end of ends.slice(1)) end(false);
    assert.deepEqual(budget.full(), ['well']);
  });
});
