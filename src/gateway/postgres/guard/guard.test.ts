// What the guard lets through where a task has no lists, what it tells, and how it fares with large statements. What it
// stops is a table of its own, tried against real servers: test/guard/. The properties of its cache are in shape.test.ts.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createGuard, type Guard } from './guard.ts';
import { createParser } from './parser.ts';
import { termsOf } from './terms.ts';

const NONE = termsOf({ allow: [], lists: null, requireWhere: false }, 'any');

const PASSES = [
  '',
  ';',
  '-- nothing',
  'select * from orders',
  "select 'set role x; drop role y'",
  'with x as (delete from orders returning *) select * from x',
  'begin; update orders set note = 1; commit',
  'savepoint a; rollback to a; release a',
  "select pg_catalog.set_config('search_path', '', false)",
  "select set_config(name, 'view', false) from pg_settings where name = 'restrict_nonsystem_relation_kind'",
  "set search_path = 'public'",
  'set statement_timeout to 1000; reset all; discard all; show role',
  'set standard_conforming_strings = on',
  "set client_encoding = 'UTF8'; set names 'latin1'; reset client_encoding",
  'copy orders from stdin',
  'copy (select 1) to stdout',
  'create table t (a int); create index on t (a); drop table t; truncate orders',
  'explain analyze select 1',
  'declare c cursor for select 1; fetch 10 from c; close c',
  'prepare p as select $1::int; execute p(1); deallocate p',
  'listen a; notify a; unlisten a; vacuum orders; lock orders',
  "select ts_rewrite('a'::tsquery, 'b', 'c')",
  'select set_config from t',
  'insert into t values (1) on conflict do nothing',
  'create schema s; alter table t add column b int; comment on table t is null',
  'call p(1)',
];

describe('the guard', () => {
  let guard: Guard;
  before(async () => {
    guard = await createGuard();
  });

  test('lets plain work through', () => {
    for (const text of PASSES) assert.equal(guard(text, NONE).refusal, null, text);
  });

  test('refuses what it cannot read, with the parser’s words and place', () => {
    const verdict = guard('select 1 fro orders where', NONE);
    assert.deepEqual(
      { ...verdict.refusal },
      { sqlstate: '42601', text: 'syntax error at or near "orders"', position: 14 },
    );
    assert.equal(guard('select 1\0; set role x', NONE).refusal?.sqlstate, '42601');
  });

  test('tells what a statement uses', () => {
    const uses = (text: string) =>
      guard(text, NONE)
        .uses.map((use) => `${use.verb} ${use.object}`)
        .sort();
    assert.deepEqual(uses('select * from public.orders o join customers using (id)'), [
      'select customers',
      'select public.orders',
    ]);
    assert.deepEqual(uses('with x as (delete from orders returning *) insert into log select * from x'), [
      'delete orders',
      'insert log',
    ]);
    assert.deepEqual(uses('insert into t values (1) on conflict (a) do update set b = 2'), [
      'insert t',
      'update t',
    ]);
    assert.deepEqual(uses('copy orders to stdout'), ['select orders']);
    assert.deepEqual(uses('select * into b from a'), ['create-table b', 'select a']);
    assert.deepEqual(uses('drop table a.b, c'), ['drop-table a.b', 'drop-table c']);
    assert.deepEqual(uses('truncate a'), ['truncate a']);
  });

  test('large statements are read aside, with the same verdicts', async () => {
    const aside = (text: string) => guard.aside?.(text, NONE, 'gr_1') ?? null;
    assert.equal(aside('select 1'), null);
    const rows = Array.from({ length: 20_000 }, (_, i) => `(${i}, 'x')`).join(',');
    const started = performance.now();
    const coming = [
      aside(`insert into orders values ${rows}`),
      aside(`insert into orders values ${rows}; set role x`),
      aside(`insert into orders values ${rows} returnin`),
      aside(`select 1${'+1'.repeat(200_000)}`),
    ];
    assert.ok(performance.now() - started < 2_000, 'nobody waits here');
    const verdicts = await Promise.all(coming);
    assert.deepEqual(
      verdicts.map((verdict) => verdict?.refusal?.sqlstate ?? null),
      [null, '42501', '42601', '54001'],
    );
    assert.deepEqual(verdicts[0]?.uses, [{ verb: 'insert', object: 'orders' }]);
  });

  test('a statement that overflows the parser is refused, and the parser lives on', async () => {
    const parser = createParser();
    await parser.ready;
    for (let i = 0; i < 40; i++) {
      const parsed = parser.parse(`select 1${'+1'.repeat(60_000)}`);
      assert.equal(parsed.ok, false);
      // A fresh instance needs a turn of the loop.
      while (!parser.parse('select 1').ok) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(parser.parse('select 1').ok, true);
  });
});
