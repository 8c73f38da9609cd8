// 10,000 grants that end in the same second, and the same across a restart, by the bench that is judged: its figures
// are its pass mark.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryBench } from '../../bench/expiry.ts';
import { figure } from '../harness/figure.ts';

test('every figure reaches its goal', { timeout: 3_600_000 }, async (t) => {
  const quick = process.env.SALLY_EXPIRY_QUICK === '1';
  const rows = await expiryBench.run({ quick, say: (line) => t.diagnostic(line) });
  for (const { name, value, unit, goal } of rows)
    figure(t, 'expiry', `${name} ${value} ${unit}${goal === null ? '' : ` (goal ${goal})`}`);
  const missed = rows.filter(
    ({ value, goal, better }) => goal !== null && (better === 'higher' ? value < goal : value > goal),
  );
  assert.deepEqual(
    missed.map(({ name, value, goal }) => `${name}: ${value}, goal ${goal}`),
    [],
  );
});
