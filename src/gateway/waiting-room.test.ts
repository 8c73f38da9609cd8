// Who gives way to whom when all places of connections that have not logged in are taken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createWaitingRoom, type Place } from './waiting-room.ts';

function room(places: number, giveWayAfterMs = 60_000) {
  const waitingRoom = createWaitingRoom({ places, giveWayAfterMs });
  const gone: string[] = [];
  const enter = (address: string, name = address): Place | null =>
    waitingRoom.enter(address, () => gone.push(name));
  return { enter, gone };
}

test('one address that takes all places loses one to another, and none to itself', () => {
  const { enter, gone } = room(3);
  for (const name of ['a', 'b', 'c']) assert.notEqual(enter('10.0.0.1', name), null);
  assert.equal(enter('10.0.0.1', 'd'), null);
  assert.notEqual(enter('10.0.0.2'), null);
  assert.deepEqual(gone, ['a'], 'its oldest');
  // Two against one: nobody would be better off.
  assert.equal(enter('10.0.0.2'), null);
  assert.notEqual(enter('10.0.0.3'), null);
  assert.deepEqual(gone, ['a', 'b']);
  assert.equal(enter('10.0.0.4'), null, 'one each');
});

test('addresses of one IPv6 network are one; an IPv4 address in IPv6 form is itself', () => {
  const { enter, gone } = room(2);
  enter('2001:db8::1', 'a');
  enter('2001:db8::2:0:0:2', 'b');
  assert.equal(enter('2001:db8::3'), null);
  assert.notEqual(enter('2001:db8:0:1::1'), null);
  assert.deepEqual(gone, ['a']);
  const mapped = room(2);
  mapped.enter('::ffff:10.0.0.1', 'a');
  mapped.enter('10.0.0.1', 'b');
  assert.notEqual(mapped.enter('10.0.0.2'), null);
  assert.deepEqual(mapped.gone, ['a']);
});

test('who has proven itself never gives way, and a place that was left is free once', () => {
  const { enter, gone } = room(2);
  const first = enter('10.0.0.1', 'a');
  const second = enter('10.0.0.1', 'b');
  first?.proven();
  second?.proven();
  assert.equal(enter('10.0.0.2'), null);
  first?.leave();
  first?.leave();
  assert.notEqual(enter('10.0.0.2'), null);
  assert.equal(enter('10.0.0.3'), null);
  assert.deepEqual(gone, []);
});

test('who gave way leaves nothing behind, whatever it does afterwards', () => {
  const { enter, gone } = room(2);
  const first = enter('10.0.0.1', 'a');
  enter('10.0.0.1', 'b');
  enter('10.0.0.2');
  assert.deepEqual(gone, ['a']);
  first?.proven();
  first?.leave();
  assert.equal(enter('10.0.0.3'), null);
});

test('after a while the oldest gives way to anybody', async () => {
  const { enter, gone } = room(2, 50);
  enter('10.0.0.1', 'a');
  enter('10.0.0.1', 'b');
  assert.equal(enter('10.0.0.1'), null);
  await delay(60);
  assert.notEqual(enter('10.0.0.1'), null);
  assert.deepEqual(gone, ['a']);
});
