import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rightIsUsed, rightsInUse } from './usage.ts';

const read = { verb: 'select', object: 'public.orders', words: 'read public.orders' };
const change = { verb: 'update', object: 'public.orders', words: 'change public.orders' };

test('a right is used by its own verb on its own object, named with or without the schema', () => {
  assert.equal(rightIsUsed(read, { verb: 'select', object: 'public.orders' }), true);
  assert.equal(rightIsUsed(read, { verb: 'select', object: 'orders' }), true);
  assert.equal(rightIsUsed(read, { verb: 'update', object: 'orders' }), false);
  assert.equal(rightIsUsed(read, { verb: 'select', object: 'reorders' }), false);
  assert.equal(rightIsUsed(read, { verb: 'select', object: 'other.orders' }), false);
});

test('used and unused rights add up, with their statements and rows', () => {
  const { used, unused } = rightsInUse(
    [read, change],
    [
      { verb: 'select', object: 'orders', statements: 2, rows: 5 },
      { verb: 'select', object: 'public.orders', statements: 1, rows: 1 },
      { verb: 'delete', object: 'orders', statements: 1, rows: 0 },
    ],
  );
  assert.deepEqual(used, [{ right: read, statements: 3, rows: 6 }]);
  assert.deepEqual(unused, [change]);
});
