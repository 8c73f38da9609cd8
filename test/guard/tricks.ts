// What the guard refuses, as a table that reads like documentation: docs/guard.md is made of it (page.ts), and
// guard.test.ts tries every line in both protocols, and once more on the target itself, without a gateway, as the
// logins of two tasks: what the rights there say is the third column, and what only the guard stops stands out.
// Long because it is a table.

import type { GuardRule } from '../../src/gateway/postgres/guard/rules.ts';

/** `passes`, or the SQLSTATE of the target's own refusal. */
export type Outcome = string;

export interface Trick {
  what: string;
  sql: string;
  /** On the target, as the login of the task fix-orders. */
  target: Outcome;
  /** The same as the login of change-schema, which acts as the owner of the tables. */
  owner: Outcome;
  /** Other ways to write it, which are refused too. */
  also: readonly string[];
}

export const PASSES: Outcome = 'passes';
/** The rights on the target say no. */
export const NO = '42501';

/** `on`: one outcome for both logins, or that of fix-orders and that of the owner. */
function trick(what: string, sql: string, on: Outcome | [Outcome, Outcome], ...also: string[]): Trick {
  const [target, owner] = typeof on === 'string' ? [on, on] : on;
  return { what, sql, target, owner, also };
}

/** By the rule that holds them; a task may lift that one rule. */
export const TRICKS: Readonly<Record<GuardRule, readonly Trick[]>> = {
  roles: [
    trick(
      "change one's own password",
      "alter role current_user password 'x'",
      PASSES,
      'alter role current_user password $$x$$',
      "ALTER USER CURRENT_USER WITH ENCRYPTED PASSWORD 'x'",
      "/* nothing */ alter/**/role current_user password U&'\\0078'",
    ),
    trick('leave settings for the next login', 'alter role current_user set search_path = mine', PASSES),
    trick('become a superuser', 'alter role current_user superuser', NO),
    trick(
      'never expire',
      "alter role current_user valid until 'infinity'",
      NO,
      "select 1; alter role current_user valid until 'infinity'",
    ),
    trick(
      'make or drop roles',
      'create role other',
      NO,
      'create user other',
      'create group g',
      'drop role other',
      'explain create table t as select 1; drop user other',
    ),
    trick('rename a role', 'alter role other_team rename to other', NO),
    trick(
      'take a membership',
      'grant orders_owner to current_user',
      NO,
      'revoke orders_owner from current_user',
    ),
  ],
  privileges: [
    trick(
      'give a table away',
      'grant select on orders to public',
      PASSES,
      'revoke select on orders from public',
    ),
    trick('give away what will be made', 'alter default privileges grant select on tables to public', PASSES),
    trick(
      'change an owner',
      'alter table orders owner to other_team',
      NO,
      'alter function wipe_ledger() owner to other_team',
    ),
    trick(
      'open row security',
      'create policy p on orders',
      [NO, PASSES],
      'drop policy p on orders',
      'alter policy p on orders using (true)',
    ),
    trick(
      'hide a GRANT in a CREATE SCHEMA',
      'create schema s create table t (a int) grant select on t to public',
      [NO, PASSES],
      'create schema authorization current_user',
    ),
  ],
  'set-role': [
    trick(
      'change the role',
      'set role postgres',
      NO,
      "set local role 'postgres'",
      'set "ROLE" = postgres',
      'set session role postgres',
      'set role none',
      'begin; set role postgres; commit',
    ),
    trick('go back to the login itself', 'reset role', PASSES, 'reset "role"'),
    trick(
      'change the user',
      'set session authorization postgres',
      NO,
      'set session authorization default',
      'reset session authorization',
      'set sessİon_authorization = postgres',
    ),
    trick(
      'by a function',
      "select set_config('role', 'postgres', false)",
      NO,
      "select pg_catalog.set_config('ROLE', 'postgres', false)",
      "select set_config('role'::text, 'postgres', false)",
      "select * from set_config('session_authorization', 'postgres', false)",
      "select set_config(setting_name => 'role', new_value => 'postgres', is_local => false)",
      "select set_confİg('role', 'postgres', false)",
    ),
    trick(
      'by a name that is put together',
      "select set_config('ro' || 'le', 'postgres', false)",
      NO,
      'select set_config($1, $2, false)',
      "select set_config(name, 'postgres', false) from pg_settings where name = 'role'",
      "select set_config(name, 'postgres', false) from pg_settings where name = $1",
      "select set_config(name, 'postgres', false) from pg_settings where name <> 'jit'",
      "select set_config(name, 'postgres', false) from pg_settings where name = 'jit' or true",
      "select set_config(name, 'postgres', false) from mine where name = 'jit'",
      "select set_config(name, 'postgres', false) from pg_temp.pg_settings where name = 'jit'",
      "select set_config(name, 'postgres', false) from pg_settings, mine where name = 'jit'",
      "with pg_settings as (select 'role' as name) select set_config(name, 'x', false) from pg_settings where name = 'jit'",
    ),
    trick(
      'behind comments',
      'set/* a /* nested */ one */role -- and\n postgres',
      NO,
      "select /* ' */ set_config('role', 'postgres', false) -- '",
      'select 1 -- nothing\n; set role postgres',
    ),
    trick(
      'in a dollar quote',
      "select set_config($$role$$, 'postgres', false)",
      NO,
      'select set_config($a$role$a$, $$postgres$$, false)',
    ),
    trick(
      'as a Unicode escape',
      "select set_config(U&'r\\006fle', 'postgres', false)",
      NO,
      "select U&\"set\\005fconfig\"('role', 'postgres', false)",
      'set U&"r\\006fle" = postgres',
      "select set_config(U&'r!006fle' uescape '!', 'postgres', false)",
      "select set_config(E'r\\x6fle', 'postgres', false)",
      "select \"set_config\"('role', 'postgres', false)",
    ),
    trick(
      'inside another statement',
      "with a as (select set_config('role', 'postgres', true)) select * from a",
      NO,
      "insert into orders (note) select 'x' where exists (select set_config('role', 'x', true))",
      "prepare p as select set_config('role', $1, true)",
      "declare c cursor for select set_config('role', 'x', true)",
      "explain analyze select set_config('role', 'x', true)",
      "copy (select set_config('role', 'x', true)) to stdout",
      "select id from orders order by set_config('role', 'x', true)",
      "select sum(1) over (order by set_config('role', 'x', true))",
      "values (set_config('role', 'x', true))",
    ),
    trick(
      'in what runs later',
      "create view v as select set_config('role', 'postgres', true)",
      [NO, PASSES],
      "create table t (a text default set_config('role', 'x', true))",
      "create rule r as on insert to orders do also select set_config('role', 'x', true)",
    ),
    trick(
      'through the view of settings',
      "update pg_settings set setting = 'replica' where name = 'session_replication_role'",
      NO,
      "update pg_catalog.pg_settings set setting = 'x'",
      'create view v as select * from pg_settings',
    ),
  ],
  owned: [
    trick('drop all that one owns, and all rights', 'drop owned by current_user', [PASSES, '2BP01']),
    trick('take what a role owns', 'reassign owned by orders_owner to current_user', [NO, PASSES]),
  ],
  system: [
    trick('change the server', "alter system set work_mem = '1GB'", NO),
    trick('change the database for everybody', "alter database orders set work_mem = '1GB'", [NO, PASSES]),
    trick('load a library', "load 'dblink'", NO),
    trick(
      'turn triggers and constraints off',
      'set session_replication_role = replica',
      NO,
      "select set_config('session_replication_role', 'replica', false)",
    ),
    trick('reload the configuration', 'select pg_reload_conf()', NO, 'select pg_catalog.pg_rotate_logfile()'),
  ],
  databases: [
    trick('make or drop a database', 'create database other', NO, 'drop database other'),
    trick('rename one', 'alter database orders rename to other', NO),
    trick('make a tablespace', "create tablespace x location '/tmp'", NO),
  ],
  do: [
    trick(
      'a DO block',
      "do $$ begin execute 'alter role current_user password ''x'''; end $$",
      PASSES,
      "do language plpgsql 'begin end'",
      "do U&'begin end'",
    ),
  ],
  functions: [
    trick(
      'make a function, then call it',
      "create function f() returns int language sql as 'select 1'",
      [NO, PASSES],
      "create or replace procedure p() language sql as ''",
    ),
    trick(
      'the same for this session alone',
      "create function pg_temp.f() returns int language sql as 'select 1'",
      PASSES,
    ),
    trick(
      'run a function as its owner',
      'alter function wipe_ledger() security definer',
      NO,
      'alter function wipe_ledger() set role = postgres',
    ),
    trick(
      'call it through an aggregate or an operator',
      'create aggregate pg_temp.a (text, bool) (sfunc = set_config, stype = text)',
      PASSES,
      'create operator === (leftarg = text, rightarg = text, function = f)',
    ),
    trick('call it through a cast', 'create cast (text as int) with function f(text)', NO),
    trick(
      'call it at each change of structure',
      'create event trigger e on ddl_command_end execute function f()',
      NO,
    ),
  ],
  'dynamic-sql': [
    trick(
      'run a text as a statement',
      "select query_to_xml('select note from orders', true, true, '')",
      PASSES,
      "select database_to_xml(true, true, '')",
      "select ts_rewrite('a'::tsquery, 'select 1')",
      "select * from crosstab('select 1')",
    ),
    trick(
      'the same, by a function for searching',
      "select * from ts_stat('select to_tsvector(note) from orders')",
      PASSES,
    ),
    trick(
      'the same in the form of a column',
      "select ('select to_tsvector(note) from orders'::text).ts_stat",
      PASSES,
    ),
    trick('run it later', "select cron.schedule('* * * * *', 'select 1')", '3F000'),
  ],
  'server-files': [
    trick(
      'run a program',
      "copy orders to program 'cat > /tmp/x'",
      NO,
      "copy orders from program 'ls'",
      "copy (select 1) to program 'ls'",
    ),
    trick('read a file by COPY', "copy refunds from '/etc/passwd'", NO),
    trick('write a file by COPY', "copy orders to '/tmp/x'", NO),
    trick(
      'read a file',
      "select pg_read_file('/etc/passwd')",
      NO,
      "select pg_read_binary_file('x')",
      "select * from pg_ls_dir('.')",
      "select * from pg_stat_file('x')",
    ),
    trick(
      'read a file in the form of a column',
      "select ('/etc/passwd'::text).pg_read_file",
      NO,
      "select f.pg_read_file from concat('/etc/passwd') f",
      'select "concat".pg_read_file from concat(\'/etc/passwd\')',
    ),
    trick('read a file as a large object', "select lo_import('/etc/passwd')", NO),
    trick('write a large object to a file', "select lo_export(1, '/tmp/x')", NO),
  ],
  remote: [
    trick(
      'dblink to another server, or back to this one',
      "select * from dblink('dbname=orders', 'select 1') t(a int)",
      '2F003',
      "select dblink_exec('x', 'y')",
      "select ('dbname=orders'::text).dblink_connect",
    ),
    trick(
      'reach other servers',
      'create server s foreign data wrapper dblink_fdw',
      NO,
      'create foreign table t (a int) server s',
      'create user mapping for current_user server s',
    ),
    trick('publish tables', 'create publication p for all tables', NO),
    trick('subscribe to others', "create subscription s connection 'dbname=orders' publication p", NO),
    trick('read the log of changes', "select pg_create_physical_replication_slot('x')", NO),
  ],
  extensions: [
    trick(
      'bring code',
      'create extension citext',
      [NO, PASSES],
      'create extension "plpython3u"',
      'alter extension dblink update',
      'drop extension dblink',
    ),
    trick('bring a language', 'create language plx', '0A000'),
  ],
  'large-objects': [
    trick(
      'keep data where no table is',
      "select lo_from_bytea(0, 'x')",
      PASSES,
      'select lo_create(0)',
      'select pg_catalog.loread(0, 10)',
    ),
    trick(
      'the same in the form of a column',
      'select (0::oid).lo_create',
      PASSES,
      'select x.lo_create from oid(0) x',
      'select (1).lo_get',
    ),
    trick('read what others kept', 'select lo_get(1)', '42704'),
  ],
  'two-phase': [
    trick(
      'a transaction that outlives the session',
      "prepare transaction 'x'",
      '55000',
      "commit prepared 'x'",
      "rollback prepared 'x'",
    ),
  ],
};

/** No task can lift these. */
export const NEVER: readonly Trick[] = [
  trick(
    'strings that mean something else',
    'set standard_conforming_strings = off',
    PASSES,
    "select set_config('standard_conforming_strings', 'off', false)",
  ),
  trick('characters that swallow a quote', "set client_encoding = 'SJIS'", PASSES, "set names 'BIG5'"),
  trick('work that outlives the session', 'set client_connection_check_interval = 0', PASSES),
  trick('what cannot be read', 'selec 1', '42601', "select 'open", 'select 1; drop'),
];

/** Held by the lists of the task (fix-orders); what passes on the target is open to PUBLIC there. */
export const BEYOND_LISTS: readonly Trick[] = [
  trick(
    'read a table that it does not name',
    'select * from customers',
    NO,
    'table customers',
    'select (select max(id) from customers) from orders',
    'select * from orders, lateral (select * from customers) x',
    'select 1; select * from customers',
    'prepare p as select * from customers',
  ),
  trick('read what PUBLIC may read', 'select * from team_notes', PASSES),
  trick('a table of another schema under the same name', 'select * from secret.orders', NO),
  trick(
    'a DELETE hidden in a WITH',
    'with gone as (delete from orders where id = 1 returning *) select * from gone',
    NO,
  ),
  trick('a DELETE under EXPLAIN ANALYZE', 'explain analyze delete from orders where id = 1', NO),
  trick(
    'a DELETE that is prepared, to be run later',
    'prepare p as delete from orders where id = $1',
    PASSES,
  ),
  trick(
    'an UPDATE in an INSERT',
    'insert into refunds values (1) on conflict (id) do update set cents = 1',
    NO,
  ),
  trick('MERGE', 'merge into orders o using refunds r on o.id = r.order_id when matched then delete', NO),
  trick('empty a table', 'truncate orders', NO),
  trick('copy a table out', 'copy customers to stdout', NO, 'copy (select * from customers) to stdout'),
  trick('copy rows in', 'copy orders from stdin', NO),
  trick('a cursor over it', 'declare c cursor for select * from customers', NO),
  trick(
    'a function that runs as its owner',
    'select wipe_ledger()',
    PASSES,
    'select * from wipe_ledger()',
    'with a as (select wipe_ledger()) select * from a',
    'select 1 from orders where wipe_ledger() > 0',
  ),
  trick(
    'the same, called in the form of a column',
    'select (1).wipe_one',
    PASSES,
    'select n.wipe_one from generate_series(1, 3) n',
    'select generate_series.wipe_one from generate_series(1, 3)',
  ),
  trick(
    'the same, of a row',
    'select o.wipe_row from orders o',
    PASSES,
    'select (o).wipe_row from orders o',
    'select id from orders o order by o.wipe_row',
    'update orders set note = note returning orders.wipe_row',
  ),
  trick(
    'a temporary table',
    'create temp table t (a int)',
    PASSES,
    'select * into temp t from orders',
    'create temp table t as select * from orders',
  ),
  trick('a temporary table in the place of another', 'create temp table orders (id int, note text)', PASSES),
  trick('a view', 'create view v as select * from orders', NO),
  trick(
    'change a table',
    'alter table orders add column a int',
    NO,
    'drop table orders',
    'create index on orders (id)',
  ),
  trick('a trigger', 'create trigger t before update on orders for each row execute function f()', NO),
  trick('a rule', 'create rule r as on select to orders do instead select 1', NO),
  trick('write over a comment', "comment on table orders is 'mine'", NO),
];

/** With `requireWhere`. */
export const UNBOUNDED: readonly Trick[] = [
  trick(
    'change a whole table',
    "update orders set note = 'x'",
    PASSES,
    "with x as (update orders set note = 'x' returning *) select * from x",
  ),
];
