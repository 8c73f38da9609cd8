// What a watcher is shown of a session is bounded, whatever the session does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONGEST_SHOWN_TEXT, MOST_RECENT, RecentStatements } from './recent.ts';
import type { Recorded } from './recorder.ts';

const ended = (index: number, text = `select ${index}`): Recorded => ({
  index,
  offsetMs: index,
  text,
  protocol: 'simple',
  refused: false,
  rows: 1,
  bytes: 8,
  durationMs: 1,
  error: null,
  uses: [],
  announced: false,
});

test('the last hundred are kept, in their order, and what ran is there once', () => {
  const recent = new RecentStatements();
  for (let index = 0; index < 250; index++) recent.end(ended(index));
  recent.begin({ index: 250, offsetMs: 250, text: 'select pg_sleep(1)', protocol: 'simple' });
  const { ended: kept, running } = recent.list();
  assert.equal(kept.length, MOST_RECENT);
  assert.deepEqual([kept[0]?.index, kept.at(-1)?.index], [150, 249]);
  assert.deepEqual(
    running.map((one) => one.index),
    [250],
  );
  recent.end(ended(250));
  assert.equal(recent.list().running.length, 0);
  assert.equal(recent.list().ended.filter((one) => one.index === 250).length, 1);
});

test('a thousand that run at once and a text of a megabyte stay small', () => {
  const recent = new RecentStatements();
  for (let index = 0; index < 1_000; index++)
    recent.begin({ index, offsetMs: 0, text: 'select 1', protocol: 'extended' });
  assert.equal(recent.list().running.length, MOST_RECENT);
  const whole = ended(1_000, 'x'.repeat(1_000_000));
  recent.end(whole);
  assert.equal(recent.list().ended[0]?.text.length, LONGEST_SHOWN_TEXT + 1);
  assert.equal(whole.text.length, 1_000_000, 'what the recording gets is untouched');
});
