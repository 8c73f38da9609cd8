// What people do all day under the task fix-orders, and passes: here and on the target, with the same answers.

export interface Work {
  what: string;
  /** One after the other, in one session. */
  steps: readonly string[];
}

function work(what: string, ...steps: string[]): Work {
  return { what, steps };
}

export const WORK: readonly Work[] = [
  work(
    'read what the task names',
    'select * from orders where id = 1',
    'table refunds',
    'select count(*) from orders',
  ),
  work(
    'join, group, sort, window',
    `select o.status, count(*), row_number() over (order by o.status) from public.orders o
    left join refunds r on r.order_id = o.id group by o.status order by 1`,
  ),
  work(
    'WITH, also recursive',
    'with late as (select * from orders where id < 5) select count(*) from late',
    'with recursive n as (select 1 as id union all select id + 1 from n where id < 9) select * from n',
  ),
  work(
    'PostgreSQL’s own functions',
    `select coalesce(note, '-'), upper(note), extract(year from now()), note like 'a%'
    from orders where id = 1`,
    'select * from generate_series(1, 3) n, unnest(array[1, 2]) u',
  ),
  work(
    'functions in FROM, and their columns',
    `select j.key, j.value from jsonb_each('{"a": 1}') j`,
    'select n.n, s.s + 1 from generate_series(1, 2) n(n), generate_series(1, 2) s(s)',
  ),
  work(
    'columns that are called like functions',
    'select o.status, orders_by.note from orders o, orders orders_by where o.id = 1 and orders_by.id = 1',
  ),
  work(
    'change rows',
    'update orders set note = upper(note) where id = 1',
    "update orders set status = 'paid' where id = 2 returning id, note",
  ),
  work(
    'add rows',
    'insert into refunds (order_id, cents) values (1, 100) returning order_id',
    'insert into refunds (order_id, cents) select id, 5 from orders where id = 3',
  ),
  work(
    'transactions and savepoints',
    'begin',
    'savepoint a',
    "update orders set note = 'x' where id = 4",
    'rollback to a',
    'release a',
    'commit',
  ),
  work('several statements in one text', 'begin; select 1; select 2; commit'),
  work(
    'cursors',
    'begin',
    'declare c cursor for select id from orders order by id',
    'fetch 10 from c',
    'move 5 in c',
    'close c',
    'commit',
  ),
  work(
    'prepared statements',
    'prepare p as select id from orders where id = $1',
    'execute p(1)',
    'deallocate p',
  ),
  work(
    'plans, also with times',
    'explain select * from orders',
    'explain (analyze, timing off) select count(*) from orders',
  ),
  work(
    'text that only looks like a command',
    "select 'set role postgres; drop role x'",
    'select $$ do $$ as "drop table orders"',
  ),
  work('comments and empty statements', '-- nothing', 'select 1 /* one */ -- two', ';'),
  work(
    'settings of the session',
    'set search_path = public',
    "set statement_timeout = '5s'",
    'show search_path',
    "select pg_catalog.set_config('search_path', '', false)",
    'reset all',
    'discard all',
  ),
  work('an encoding that statements can be read in', "set client_encoding = 'UTF8'", 'reset client_encoding'),
  work(
    'locks and notifications',
    'begin',
    'lock table refunds in row exclusive mode',
    'commit',
    'listen news',
    "notify news, 'x'",
    'unlisten news',
  ),
  work(
    'what drivers and psql ask',
    `select n.nspname, c.relname from pg_catalog.pg_class c
    left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relname operator(pg_catalog.~) '^(orders)$'`,
    "select column_name from information_schema.columns where table_name = 'orders'",
  ),
  work(
    'what pg_dump asks',
    "select set_config(name, 'view', false) from pg_settings where name = 'restrict_nonsystem_relation_kind'",
  ),
];
