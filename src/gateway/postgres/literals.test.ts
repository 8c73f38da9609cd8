// Canaries in every place where a statement can hold a value: none is left, what is no value stays, and hashes tell the
// same value again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Literals } from './literals.ts';

const dropping = new Literals('drop', Buffer.alloc(32, 1));
const hashing = new Literals('hash', Buffer.alloc(32, 1));

test('every kind of literal and comment goes, names and parameters stay', () => {
  for (const [text, kept] of [
    ["select a1 from t where n = 'canary' and m = 4711", 'select a1 from t where n = ? and m = ?'],
    ["select 'it''s canary', E'a\\'canary', e'\\\\'", 'select ?, ?, ?'],
    ["select E'a'\n'b\\'canary', 1", 'select ?, ?'],
    ["select E'a' -- it's\r\n -- one\n 'b\\'canary'", 'select ?'],
    ["select E'a'\n-- it's\n, 'canary'", 'select ?\n--\n, ?'],
    ["select 'a'\n'b\\', 'canary'", 'select ?\n?, ?'],
    ["select U&'\\0063anary', b'0101', X'1F', n'canary'", 'select ?, ?, ?, ?'],
    ['select $$canary$$, $t$ca $$ nary$t$, $1', 'select ?, ?, $1'],
    ['select 1.5, .5, 1e-10, 0x1F, 1_000, -7', 'select ?, ?, ?, ?, ?, -?'],
    ['select "col1" from "T""2" where "x\'y" = 3', 'select "col1" from "T""2" where "x\'y" = ?'],
    ["select a -- canary 'x\nfrom t", 'select a --\nfrom t'],
    ['select /* canary /* nested */ canary */ a', 'select /* */ a'],
    ["select 'canary without an end", 'select ?'],
    ['select $x$canary without an end', 'select ?'],
    ['select /* canary', 'select /* */'],
    ['set my.tenant = canary', 'set my.tenant = ?'],
    [
      'SET SESSION my . "Tenant" TO "Canary", canary; select a',
      'SET SESSION my . "Tenant" TO ?, ?; select a',
    ],
    ['set local /* x */ my.deep.name -- y\n=canary', 'set local /* */ my.deep.name --\n=?'],
    ['alter role r in database d set my.v to canary.canary', 'alter role r in database d set my.v to ?.?'],
    ['set search_path = a, b; set role to c', 'set search_path = a, b; set role to c'],
    ['update t set c.part = other where id = d.id', 'update t set c.part = other where id = d.id'],
    ["select foo$1 from t2 where x='canary'", 'select foo$1 from t2 where x=?'],
  ] as const)
    assert.equal(dropping.text(text), kept, text);
});

test('the same value has the same hash, another installation another', () => {
  const [first, second] = ["select * from t where a = 'canary'", "delete from t where a = 'canary'"].map(
    (text) => hashing.text(text).match(/'#[\w-]{11}'/)?.[0],
  );
  assert.ok(first !== undefined && first === second);
  const other = new Literals('hash', Buffer.alloc(32, 2)).text("select * from t where a = 'canary'");
  assert.ok(!other.includes(first) && !other.includes('canary'));
});

test('errors that may quote a value lose their words, others keep them', () => {
  const unique = dropping.error({ sqlstate: '23505', message: 'Key (email)=(canary) already exists.' });
  assert.ok(!unique.message.includes('canary') && unique.sqlstate === '23505');
  const timeout = { sqlstate: '57014', message: 'canceling statement due to statement timeout' };
  assert.deepEqual(dropping.error(timeout), timeout);
});

test('a statement as long as the gateway takes one is read in one go', () => {
  const long = 'x'.repeat(500_000);
  assert.equal(dropping.text(`select '${long}', $$${long}$$`), 'select ?, ?');
  assert.equal(dropping.text(`select ${'(1),'.repeat(200_000)}1`).includes('1'), false);
});
