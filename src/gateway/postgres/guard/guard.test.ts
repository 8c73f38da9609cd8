// What the guard stops and what it lets through, by kind; the properties of its cache are in shape.test.ts.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createGuard, type Guard } from './guard.ts';
import { createParser } from './parser.ts';
import type { GuardRule } from './rules.ts';
import { termsOf } from './terms.ts';

const lifting = (...allow: string[]) => termsOf({ allow, lists: null, requireWhere: false }, 'any');
const NONE = lifting();

const REFUSED: Record<GuardRule, string[]> = {
  roles: [
    'create role x',
    "create user x password 'y'",
    'alter role current_user password $$x$$',
    "ALTER USER CURRENT_USER WITH ENCRYPTED PASSWORD 'x'",
    'alter role x set search_path = y',
    'alter role x rename to y',
    'drop role x',
    'create group g',
    'grant admins to x',
    'revoke admins from x',
    "select 1; alter role current_user valid until 'infinity'",
    'explain create table t as select 1; drop user x',
  ],
  privileges: [
    'grant select on orders to public',
    'revoke select on orders from public',
    'alter default privileges grant select on tables to public',
    'alter table orders owner to x',
    'alter function f() owner to x',
    'create policy p on orders',
    'drop policy p on orders',
    'create schema s create table t (a int) grant select on t to public',
    'create schema authorization x',
  ],
  'set-role': [
    'set role x',
    "set local role 'x'",
    'set "ROLE" = x',
    'set session role x',
    'set role none',
    'reset role',
    'set session authorization x',
    'set session authorization default',
    'reset session authorization',
    "select set_config('role', 'x', false)",
    "select pg_catalog.set_config('ROLE', 'x', false)",
    "select set_config('ro' || 'le', 'x', false)",
    'select set_config($1, $2, false)',
    "select set_config(name, 'x', false) from pg_settings where name = 'role'",
    "select set_config(name, 'x', false) from pg_settings where name = $1",
    "select set_config(name, 'x', false) from pg_settings where name <> 'jit'",
    "select set_config(name, 'x', false) from pg_settings where name = 'jit' or true",
    "select set_config(name, 'x', false) from mine where name = 'jit'",
    "select set_config(name, 'x', false) from pg_temp.pg_settings where name = 'jit'",
    "select set_config(name, 'x', false) from pg_settings, mine where name = 'jit'",
    "with pg_settings as (select 'role' as name) select set_config(name, 'x', false) from pg_settings where name = 'jit'",
    "select set_config(setting_name => 'role', new_value => 'x', is_local => false)",
    "select set_config('role'::text, 'x', false)",
    "select * from set_config('session_authorization', 'x', false)",
    "insert into t select 1 where exists (select set_config('role', 'x', true))",
    "with a as (select set_config('role', 'x', true)) select 1",
    "prepare p as select set_config('role', $1, true)",
    "declare c cursor for select set_config('role', 'x', true)",
    "explain analyze select set_config('role', 'x', true)",
    "copy (select set_config('role', 'x', true)) to stdout",
    "create table t (a text default set_config('role', 'x', true))",
    "create view v as select set_config('role', 'x', true)",
    "create rule r as on insert to t do also select set_config('role', 'x', true)",
    "select a from t order by set_config('role', 'x', true)",
    "select sum(1) over (order by set_config('role', 'x', true))",
    "values (set_config('role', 'x', true))",
    "update pg_settings set setting = 'x' where name = 'role'",
    "update pg_catalog.pg_settings set setting = 'x'",
    'create view v as select * from pg_settings',
    "select set_confİg('role', 'x', false)",
    'set sessİon_authorization = x',
  ],
  owned: ['reassign owned by x to y', 'drop owned by x'],
  system: [
    "alter system set work_mem = '1GB'",
    "alter database orders set role = 'x'",
    "load 'x'",
    'set session_replication_role = replica',
    'select pg_reload_conf()',
  ],
  databases: [
    'create database x',
    'drop database x',
    'alter database x rename to y',
    "create tablespace x location '/x'",
  ],
  do: ["do $$ begin execute 'set role x'; end $$", "do language plpgsql 'begin end'"],
  functions: [
    "create function f() returns int language sql as 'select 1'",
    "create or replace procedure p() language sql as ''",
    'alter function f() security definer',
    'alter function f() set role = x',
    'create aggregate a (text, bool) (sfunc = set_config, stype = text)',
    'create operator === (leftarg = text, rightarg = text, function = f)',
    'create cast (text as int) with function f(text)',
    'create event trigger e on ddl_command_end execute function f()',
  ],
  'dynamic-sql': [
    "select query_to_xml('set role x', true, true, '')",
    "select * from ts_stat('select 1')",
    "select ts_rewrite('a'::tsquery, 'select 1')",
    "select * from crosstab('select 1')",
    "select database_to_xml(true, true, '')",
    "select cron.schedule('* * * * *', 'select 1')",
  ],
  'server-files': [
    "copy t to program 'ls'",
    "copy t from '/etc/passwd'",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('x')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/x')",
    "select * from pg_ls_dir('.')",
  ],
  remote: [
    "select * from dblink('x', 'y') as t(a int)",
    "select dblink_exec('x', 'y')",
    'create server s foreign data wrapper w',
    'create user mapping for x server s',
    'create foreign table t (a int) server s',
    'create publication p for all tables',
    "create subscription s connection 'x' publication p",
    "select pg_create_physical_replication_slot('x')",
  ],
  extensions: [
    'create extension dblink',
    'create language plx',
    'alter extension x update',
    'drop extension x',
  ],
  'large-objects': [
    'select lo_create(0)',
    "select lo_from_bytea(0, 'x')",
    'select pg_catalog.loread(0, 10)',
    'select lo_get(1)',
  ],
  'two-phase': ["prepare transaction 'x'", "commit prepared 'x'", "rollback prepared 'x'"],
};

const NEVER = [
  'set standard_conforming_strings = off',
  "select set_config('standard_conforming_strings', 'off', false)",
  'set client_connection_check_interval = 0',
  "set client_encoding = 'SJIS'",
  "set names 'BIG5'",
];

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

  for (const [rule, texts] of Object.entries(REFUSED)) {
    test(`refuses what concerns ${rule}, and a task can lift it`, () => {
      for (const text of texts) {
        const verdict = guard(text, NONE);
        assert.equal(verdict.refusal?.sqlstate, '42501', text);
        // All other rules lifted: it is this one that holds the statement.
        const others = lifting(...Object.keys(REFUSED).filter((name) => name !== rule));
        assert.equal(guard(text, others).refusal?.sqlstate, '42501', `${text} is held by another rule`);
        assert.equal(guard(text, lifting(...Object.keys(REFUSED))).refusal, null, text);
      }
    });
  }

  test('refuses what no task can lift', () => {
    for (const text of NEVER)
      assert.equal(guard(text, lifting(...Object.keys(REFUSED))).refusal?.sqlstate, '42501', text);
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
    const aside = (text: string) => guard.aside?.(text, NONE) ?? null;
    assert.equal(aside('select 1'), null);
    const rows = Array.from({ length: 20_000 }, (_, i) => `(${i}, 'x')`).join(',');
    const started = performance.now();
    const coming = [
      aside(`insert into orders values ${rows}`),
      aside(`insert into orders values ${rows}; set role x`),
      aside(`insert into orders values ${rows} returnin`),
      aside(`select 1${'+1'.repeat(200_000)}`),
    ];
    assert.ok(performance.now() - started < 200, 'nobody waits here');
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
