import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Segment } from '../../src/api/segments.ts';
import { depthOf, foldedAtFirst, foldedBelow, mapOf, moveBy, rowsOf } from './segment-map.ts';

const segment = (path: string, grants: number[] = []): Segment => ({
  path,
  parent: path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : null,
  timeZone: 'UTC',
  ownTimeZone: false,
  owner: null,
  ownOwner: false,
  storeGraceSeconds: 180,
  ownStoreGrace: false,
  description: '',
  owners: [],
  policies: 0,
  targets: grants.map((activeGrants, index) => ({
    name: `t${index}`,
    kind: 'postgres',
    environment: 'prod',
    sensitivity: 'normal',
    owner: null,
    tasks: [],
    activeGrants,
  })),
});

const map = mapOf([
  segment('office', [0]),
  segment('prod'),
  segment('prod/eu', [1]),
  segment('prod/eu/orders', [2, 3]),
  segment('prod/us'),
]);
const shown = (folded: string[] = []) =>
  rowsOf(map, new Set(folded)).map((row) => [row.node.segment.path, row.rails, row.last]);

test('targets and live grants are added up over what is below', () => {
  const prod = map[1];
  assert.deepEqual([prod?.targets, prod?.grants, prod?.children.length], [3, 6, 2]);
  assert.equal(depthOf(map), 3);
});

test('lines go on past a segment that has brothers below it, and end at the last', () => {
  assert.deepEqual(shown(), [
    ['office', [], false],
    ['prod', [], true],
    ['prod/eu', [], false],
    ['prod/eu/orders', [true], true],
    ['prod/us', [], true],
  ]);
});

test('folding hides what is below, and a level folds all of it', () => {
  assert.deepEqual(
    shown(['prod/eu']).map(([path]) => path),
    ['office', 'prod', 'prod/eu', 'prod/us'],
  );
  assert.deepEqual([...foldedBelow(map, 2)], ['prod/eu']);
  assert.deepEqual([...foldedBelow(map, 1)], ['prod', 'prod/eu']);
});

test('keys move as in any tree', () => {
  const rows = rowsOf(map, new Set(['prod/eu']));
  const go = (key: string, from: string) => moveBy(key, rows, from);
  assert.deepEqual(go('ArrowDown', 'office'), { select: 'prod' });
  assert.equal(go('ArrowUp', 'office'), null);
  assert.deepEqual(go('ArrowRight', 'prod/eu'), { unfold: 'prod/eu' });
  assert.deepEqual(go('ArrowRight', 'prod'), { select: 'prod/eu' });
  assert.equal(go('ArrowRight', 'prod/us'), null);
  assert.deepEqual(go('ArrowLeft', 'prod'), { fold: 'prod' });
  assert.deepEqual(go('ArrowLeft', 'prod/eu'), { select: 'prod' });
  assert.deepEqual(go('End', 'office'), { select: 'prod/us' });
  assert.deepEqual(go('ArrowDown', 'gone'), { select: 'office' });
  assert.equal(go('x', 'prod'), null);
});

test('a large tree starts folded, with the way to what is chosen open', () => {
  assert.deepEqual([...foldedAtFirst(map, 'prod')], []);
  const paths = Array.from({ length: 40 }, (_, index) => [`a/b${index}`, `a/b${index}/c`]).flat();
  const large = mapOf(['a', ...paths].map((path) => segment(path)));
  const folded = foldedAtFirst(large, 'a/b7/c');
  assert.equal(folded.size, 39);
  assert.ok(!folded.has('a/b7'));
});
