// Stages as they are written, and what several permits come to together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ApprovalStage } from './facts.ts';
import { groupsOfStages, mergeStages, readStages } from './stages.ts';

const DBA = 'Group::"dba"';
const LEADS = 'Group::"leads"';

const read = (text: string): ApprovalStage[] => {
  const stages = readStages(text);
  if (typeof stages === 'string') throw new Error(stages);
  return stages;
};

test('every form reads as it is written', () => {
  assert.deepEqual(read('2 of Group::"dba", after 30m also onCall Group::"leads"; 1 of manager'), [
    { count: 2, from: DBA, also: { afterSeconds: 1800, from: `onCall ${LEADS}` } },
    { count: 1, from: 'manager' },
  ]);
  assert.deepEqual(
    read(' 1 of onCall Group::"dba" ;1 of Group::"dba"').map((stage) => stage.from),
    [`onCall ${DBA}`, DBA],
  );
  assert.deepEqual(
    groupsOfStages(read('1 of onCall Group::"dba", after 5m also Group::"leads"; 1 of manager')),
    ['dba', 'leads'],
  );
});

test('what is no stage is told, with what is', () => {
  for (const [text, message] of [
    ['', /is not a stage/],
    ['dba', /is not a stage/],
    ['1 of Group::"Dba"', /is not a stage/],
    ['1 of Group::"dba" or Group::"leads"', /is not a stage/],
    ['1 of onCall manager', /is not a stage/],
    ['1 of Group::"dba", after 30m', /is not a stage/],
    ['1 of Group::"dba", after 1h30m also Group::"leads"', /not a duration/],
    ['1 of Group::"dba", after 0s also Group::"leads"', /at least 1s/],
    ['1 of Group::"dba", after 30m also Group::"dba"', /from the beginning already/],
    ['0 of Group::"dba"', /1 to 10 people/],
    ['11 of Group::"dba"', /1 to 10 people/],
    ['2 of manager', /more than one manager/],
    ['1 of Group::"dba"; 2 of Group::"dba"', /twice/],
    [[...'abcdef'].map((name) => `1 of Group::"${name}"`).join(';'), /more than 5 stages/],
  ] as const) {
    const stages = readStages(text);
    assert.ok(typeof stages === 'string' && message.test(stages), `${text}: ${JSON.stringify(stages)}`);
  }
});

test('permits merge to all stages, the larger counts, and the order that each of them wants', () => {
  const sources = (...lists: string[]) => mergeStages(lists.map(read)).map((stage) => stage.from);
  assert.deepEqual(sources('1 of manager; 1 of Group::"dba"', '2 of Group::"dba"; 1 of Group::"leads"'), [
    'manager',
    DBA,
    LEADS,
  ]);
  assert.deepEqual(mergeStages([read('1 of Group::"dba"'), read('3 of Group::"dba"')]), [
    { count: 3, from: DBA },
  ]);
  const contradicting = ['1 of manager; 1 of Group::"dba"', '1 of Group::"dba"; 1 of manager'];
  assert.equal(sources(...contradicting).length, 2);
});

test('who comes in later does so only where every permit lets them, at the latest time', () => {
  const soon = '1 of Group::"dba", after 5m also Group::"leads"';
  const late = '1 of Group::"dba", after 1h also Group::"leads"';
  const others = '1 of Group::"dba", after 5m also Group::"sec"';
  assert.deepEqual(mergeStages([read(soon), read(late)]), read(late));
  assert.deepEqual(mergeStages([read(soon), read('1 of Group::"dba"')]), [{ count: 1, from: DBA }]);
  assert.deepEqual(mergeStages([read(soon), read(others)]), [{ count: 1, from: DBA }]);
});

test('property: another permit never asks for less, and the order of permits makes no difference', () => {
  const stage = fc.record({
    count: fc.integer({ min: 1, max: 3 }),
    from: fc.constantFrom(DBA, LEADS, 'manager'),
  });
  const list = fc.uniqueArray(stage, { maxLength: 3, selector: (one) => one.from });
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 4 }), (lists) => {
      const merged = mergeStages(lists);
      assert.deepEqual(mergeStages([...lists].reverse()), merged);
      for (const one of lists.flat()) {
        assert.ok(merged.some((kept) => kept.from === one.from && kept.count >= one.count));
      }
    }),
  );
});
