import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createStepBudget } from './step-budget.ts';

function fill(budget: ReturnType<typeof createStepBudget>, target: string): ((failed: boolean) => void)[] {
  const ends: ((failed: boolean) => void)[] = [];
  while (budget.mayBegin(target)) ends.push(budget.begin(target));
  return ends;
}

describe('the budget of steps', () => {
  it('lets another target work as soon as steps hang on the first', async () => {
    const budget = createStepBudget();
    assert.equal(fill(budget, 'dead').length, 160);
    assert.equal(fill(budget, 'dead too').length, 160, 'one alone leaves room');
    assert.equal(budget.mayBegin('well'), false);
    await pause(1_200);
    assert.equal(budget.mayBegin('dead'), false, 'it has all that it may hang with');
    assert.deepEqual(budget.full(), ['dead', 'dead too']);
    assert.equal(fill(budget, 'well').length, 160);
  });

  it('begins with less, for as long as the program is cold', () => {
    const budget = createStepBudget();
    budget.start();
    const ends = fill(budget, 'well');
    assert.equal(ends.length, 8);
    assert.deepEqual(budget.full(), ['well']);
    assert.equal(fill(budget, 'well too').length, 8, 'each of them');
  });

  it('gives a target that failed a few at a time, beside the others, until one succeeds', () => {
    const budget = createStepBudget();
    budget.begin('dead')(true);
    const ends = fill(budget, 'dead');
    assert.equal(ends.length, 4);
    assert.equal(fill(budget, 'well').length, 160);
    ends[0]?.(false);
    for (const end of ends.slice(1)) end(false);
    assert.deepEqual(budget.full(), ['well']);
  });
});
