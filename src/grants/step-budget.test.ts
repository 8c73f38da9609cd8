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

  it('begins with a few, and has grown to all of them when the program is warm', async () => {
    const budget = createStepBudget();
    assert.equal(budget.share(500), 500, 'without a start it is warm');
    budget.start();
    assert.equal(fill(budget, 'well').length, 2);
    assert.deepEqual(budget.full(), ['well']);
    assert.equal(fill(budget, 'well too').length, 2, 'each of them');
    const seen: number[] = [];
    for (let look = 0; look < 6; look++) {
      seen.push(budget.share(500));
      await pause(900);
    }
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      seen,
    );
    assert.ok(
      seen.slice(1, 3).every((one) => one > 2 && one < 200),
      `by and by: ${seen}`,
    );
    await pause(100);
    assert.equal(budget.share(500), 500);
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
