import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodesOf } from './nodes.ts';

test('one a line, the usual port where none is said, and the line that is wrong is named', () => {
  assert.deepEqual(nodesOf('a.internal:6432\n\n  [fd00::1] \nb').nodes, [
    { host: 'a.internal', port: 6432 },
    { host: 'fd00::1', port: 5432 },
    { host: 'b', port: 5432 },
  ]);
  assert.deepEqual(nodesOf(' \n').nodes, []);
  for (const wrong of ['a:b', 'a:70000', 'a:0', 'two words', 'fd00::1'])
    assert.match(nodesOf(`fine:1\n${wrong}`).problem ?? '', new RegExp(`“${wrong}”`), wrong);
});
