import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTargetBody } from '../../src/api/targets.ts';
import { problemsOf } from './problems.ts';

test('each field has its first problem, by its wire name', () => {
  const parsed = addTargetBody.safeParse({
    name: 'Orders DB',
    kind: 'postgres',
    segment: 'prod//x',
    environment: 'prod',
    settings: {},
    admin: { user: '', password: '' },
  });
  assert.ok(!parsed.success);
  const problems = problemsOf(parsed.error);
  assert.deepEqual(Object.keys(problems).sort(), ['admin.user', 'name', 'segment']);
  assert.equal(problems['admin.user'], 'This is needed.');
  assert.match(problems.segment ?? '', /prod\/eu\/orders/);
});
