import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alike, Reach, Reached } from '../../src/api/segments.ts';
import { byPlace, leftText, namesText, whoText } from './reach.ts';

const reached = (place: number, varied: Partial<Reached>): Reached => ({
  place,
  atOnceSeconds: null,
  approvalSeconds: null,
  approvals: [],
  policies: [],
  opens: true,
  enough: [],
  ...varied,
});
const alike = (groups: string[], all: Reached[], count = 1): Alike => ({
  kind: 'person',
  groups,
  principals: [{ id: 'prn_1', name: 'ada', displayName: 'Ada', kind: 'person' }],
  count,
  reached: all,
});
const reach = (rows: Alike[], left = { principals: 0, places: 0, pairs: 0 }): Reach => ({
  segment: 'prod',
  of: 'everybody',
  at: '2026-11-22T08:00:00.000Z',
  sourceAddress: '127.0.0.1',
  places: [
    { target: 'db', segment: 'prod', task: 'read' },
    { target: 'db', segment: 'prod', task: 'fix' },
  ],
  rows,
  without: 0,
  left,
});

test('by task, at once before approval before not now', () => {
  const approvals = [{ count: 1, from: 'Group::"dba"' }];
  const told = byPlace(
    reach([
      alike(['ops'], [reached(0, { enough: ['Ask from the office.'] })]),
      alike(['eng'], [reached(0, { approvalSeconds: 7200, approvals }), reached(1, { approvalSeconds: 60 })]),
      alike(['dba'], [reached(0, { atOnceSeconds: 3600, approvalSeconds: 28_800, approvals })]),
    ]),
  );
  assert.deepEqual(
    told[0]?.ways.map((way) => [way.way, whoText(way.who), way.text]),
    [
      ['at-once', 'dba', 'up to 1 h, up to 8 h with 1 approval from dba'],
      ['approval', 'eng', 'up to 2 h with 1 approval from dba'],
      ['not-now', 'ops', ''],
    ],
  );
  assert.equal(told[1]?.ways.length, 1);
});

test('what is unlimited says so, and what is left out too', () => {
  const told = byPlace(reach([alike([], [reached(0, { atOnceSeconds: 24 * 86_400 })], 3)]));
  const [way] = told[0]?.ways ?? [];
  assert.equal(way?.text, 'for any duration');
  assert.equal(way && whoText(way.who), 'ada and 2 others');
  assert.equal(namesText(alike(['x'], [])), 'ada');
  assert.equal(leftText(reach([])), null);
  assert.match(
    leftText(reach([], { principals: 0, places: 4, pairs: 1 })) ?? '',
    /4 more tasks.*1 more pair/,
  );
});
