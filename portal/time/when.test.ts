import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localText, relativeText, secondsBetween, spanText, utcText } from './when.ts';

const at = (iso: string) => Date.parse(iso);

test('UTC is written out for whoever compares with a log', () => {
  assert.equal(utcText('2026-11-22T04:50:12.345Z'), '2026-11-22 04:50:12.345 UTC');
});

test('local time names the day only when it is another one', () => {
  const now = new Date(2026, 10, 22, 18, 0, 0).getTime();
  assert.equal(localText(new Date(2026, 10, 22, 4, 5, 9).toISOString(), now), '04:05');
  assert.equal(localText(new Date(2026, 10, 22, 4, 5, 9).toISOString(), now, { seconds: true }), '04:05:09');
  assert.equal(localText(new Date(2026, 10, 21, 4, 5).toISOString(), now), '21 Nov 04:05');
  assert.equal(localText(new Date(2025, 0, 1, 0, 0).toISOString(), now), '1 Jan 2025 00:00');
});

test('how long ago', () => {
  const now = at('2026-11-22T12:00:00.000Z');
  assert.equal(relativeText('2026-11-22T11:59:50.000Z', now), 'just now');
  assert.equal(relativeText('2026-11-22T11:56:00.000Z', now), '4 min ago');
  assert.equal(relativeText('2026-11-22T15:00:00.000Z', now), 'in 3 h');
  assert.equal(relativeText('2026-11-17T12:00:00.000Z', now), '5 d ago');
});

test('spans', () => {
  assert.equal(spanText(0), '1 ms');
  assert.equal(spanText(0.212), '212 ms');
  assert.equal(spanText(4.56), '4.6 s');
  assert.equal(spanText(185), '3 min 5 s');
  assert.equal(spanText(7800), '2 h 10 min');
  assert.equal(secondsBetween('2026-11-22T12:00:01.000Z', '2026-11-22T12:00:00.000Z'), 0);
});
