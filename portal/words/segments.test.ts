import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../../src/api/targets.ts';
import { type SegmentNode, segmentTree } from './segments.ts';

const target = (name: string, segment: string): Target => ({
  name,
  segment,
  kind: 'postgres',
  environment: 'prod',
  sensitivity: 'normal',
  owner: null,
  address: 'localhost:5432/x',
  capabilities: {
    endsSessions: true,
    nativeExpiry: true,
    revocableCredential: true,
    smallestDurationSeconds: 1,
    promise: '',
  },
  tasks: [],
  nodes: [],
  activeGrants: 0,
  check: null,
});

const shape = (nodes: SegmentNode[]): unknown =>
  nodes.map((node) => [node.label, node.targets.map((held) => held.name), shape(node.children)]);

test('paths that only lead on are joined, forks are kept', () => {
  const tree = segmentTree([
    target('orders-db', 'prod/eu/orders'),
    target('pay-db', 'prod/eu/payments'),
    target('wiki', 'office'),
    target('a', 'prod/eu/orders'),
  ]);
  assert.deepEqual(shape(tree), [
    ['office', ['wiki'], []],
    [
      'prod / eu',
      [],
      [
        ['orders', ['a', 'orders-db'], []],
        ['payments', ['pay-db'], []],
      ],
    ],
  ]);
  assert.equal(tree[1]?.path, 'prod/eu');
});

test('a segment that holds targets is never swallowed', () => {
  const tree = segmentTree([target('x', 'prod'), target('y', 'prod/eu')]);
  assert.deepEqual(shape(tree), [['prod', ['x'], [['eu', ['y'], []]]]]);
});
