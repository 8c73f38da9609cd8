import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deadline, type TimeLeft } from './deadline.ts';

/** What is said of an end at `endsAt`, asked at `askedAt`, looked at after `thereMs`, and heard `backMs` later. */
function told(endsAt: number, askedAt: number, thereMs = 0, backMs = 0, expiresAtMs = 1): TimeLeft {
  const lookedAt = askedAt + thereMs;
  return { remainingMs: endsAt - lookedAt, expiresAtMs, askedAt, answeredAt: lookedAt + backMs };
}

test('a slow answer is early, and a quick one mends it', () => {
  const deadline = new Deadline(told(10_000, 0, 400, 100));
  assert.equal(deadline.at, 9_600);
  deadline.learn(told(10_000, 1_000, 5, 5));
  assert.equal(deadline.at, 9_995);
  deadline.learn(told(10_000, 2_000, 900, 0));
  assert.equal(deadline.at, 9_995, 'a slow one after it spoils nothing');
});

test('never late and never earlier than the quickest question took, whatever answers took', () => {
  const wait = fc.integer({ min: 0, max: 3_000 });
  fc.assert(
    fc.property(fc.array(fc.tuple(wait, wait), { minLength: 1, maxLength: 30 }), (answers) => {
      const end = 1_000_000;
      const [first = [0, 0] as const, ...rest] = answers;
      const deadline = new Deadline(told(end, 0, ...first));
      for (const [index, one] of rest.entries()) deadline.learn(told(end, index * 1_000, ...one));
      assert.ok(deadline.at <= end);
      assert.equal(deadline.at, end - Math.min(...answers.map(([thereMs]) => thereMs)));
    }),
  );
});

test('a clock that is set back gives no more time, one that is set forward takes it', () => {
  const deadline = new Deadline(told(10_000, 0, 10, 10));
  deadline.learn(told(70_000, 1_000, 10, 10));
  assert.equal(deadline.at, 9_990);
  deadline.learn(told(4_000, 2_000, 10, 10));
  assert.equal(deadline.at, 3_990);
  deadline.learn(told(10_000, 3_000, 10, 10));
  assert.equal(deadline.at, 3_990, 'and set back again, it stays');
});

test('another end moves it both ways', () => {
  const deadline = new Deadline(told(10_000, 0, 10, 10));
  assert.equal(deadline.learn(told(90_000, 1_000, 20, 10, 2)), true);
  assert.equal(deadline.at, 89_980);
  assert.equal(deadline.learn(told(20_000, 2_000, 20, 10, 3)), true);
  assert.equal(deadline.at, 19_980);
  assert.equal(deadline.learn(told(20_000, 3_000, 10, 10, 3)), false);
});
