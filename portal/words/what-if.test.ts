import assert from 'node:assert/strict';
import { test } from 'node:test';
import { questionFrom, searchFrom, whatIfFrom } from './what-if.ts';

const form = (varied: object) => ({ ...whatIfFrom({ target: 'db', task: 'read' }), ...varied });

test('a question needs a target, a task and a duration; everything else is as it is now', () => {
  assert.deepEqual(questionFrom(form({})).body, { target: 'db', task: 'read', duration: '1h' });
  for (const missing of [{ target: '' }, { task: '' }, { duration: '1y' }])
    assert.equal(questionFrom(form(missing)).body, null);
});

test('circumstances are sent as the server wants them, and what is wrong is told at its field', () => {
  const { body } = questionFrom(
    form({ principal: ' ada ', sourceAddress: '10.1.2.3', at: '2026-11-22T09:30', ticket: 'OPS-1' }),
  );
  assert.equal(body?.principal, 'ada');
  assert.equal(body?.at, new Date('2026-11-22T09:30').toISOString());
  assert.deepEqual([body?.sourceAddress, body?.ticket], ['10.1.2.3', 'OPS-1']);
  assert.deepEqual(
    Object.keys(questionFrom(form({ sourceAddress: '10.1', at: 'x', ticket: '§' })).problems),
    ['at', 'sourceAddress', 'ticket'],
  );
  assert.deepEqual(Object.keys(questionFrom(form({ principal: 'Ada L' })).problems), ['principal']);
});

test('a question can be sent as an address and read from it again', () => {
  const asked = form({ principal: 'ada', duration: '2h', at: '2026-11-22T09:30' });
  assert.deepEqual(whatIfFrom(searchFrom(asked)), asked);
  assert.deepEqual(searchFrom(whatIfFrom({})), {});
});
