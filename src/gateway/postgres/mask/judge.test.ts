// Masked columns, case by case: what may be said where customers.email and customers.phone are masked.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { analyse } from '../guard/analyse.ts';
import { createParser, type Parser } from '../guard/parser.ts';
import { columnUse } from './column-use.ts';
import { judgeMask, type MaskedRelations, type MaskRefusal } from './judge.ts';

const CUSTOMERS = new Set(['email', 'phone', 'prénom']);
const MASKED: MaskedRelations = {
  columns: new Map([
    ['public.customers', CUSTOMERS],
    ['.customers', CUSTOMERS],
  ]),
  views: new Set(['public.customer_list', '.customer_list']),
  known: new Set(
    'customers customer_list orders items newsletter archive t u everything'
      .split(' ')
      .flatMap((name) => [`public.${name}`, `.${name}`]),
  ),
  columnNames: new Set([
    'id',
    'name',
    'email',
    'phone',
    'prénom',
    'années',
    'max',
    'note',
    'country',
    'customer_id',
    'status',
    'order_id',
  ]),
};
const FUNCTIONS = new Set(['slugify', 'billing.total', '.total']);

/** They run; the masked columns among what comes out are replaced. */
const PLAIN = [
  'select email from customers',
  'select * from customers',
  'select c.* from public.customers c where c.id = 1',
  'table customers',
  'select email as contact, upper(name) from customers order by name limit 10',
  'select distinct email from customers',
  'select id, (select count(*) from orders o where o.customer_id = c.id) as n, phone from customers c',
  'select o.id, c.email from orders o join customers c on c.id = o.customer_id where o.status = $1',
  'select o.id, c.email from orders o join customers c using (id)',
  'with c as (select id, email from customers) select c.email, o.note from c join orders o on o.customer_id = c.id',
  'select x.email from (select email, id from customers) x where x.id < 5',
  'select x.contact from (select email as contact from customers) x',
  'declare d cursor for select * from customers',
  'prepare p as select email from customers where id = $1',
  "update customers set email = 'new@example.org' where id = 1 returning id, email",
  "insert into customers (name, email) values ('a', 'b') returning *",
  'delete from customers where id = 1 returning phone',
  'with gone as (delete from customers where id = 1 returning email) select email from gone',
  'select count(*), country from customers group by country order by 1',
  'select id, name from customers order by 2',
  'copy customers (id, name) to stdout',
  'copy (select id, name from customers) to stdout',
  'copy customers from stdin',
  'insert into archive select id, name from customers',
  'select id from customers where exists (select 1 from orders where customer_id = customers.id)',
  'select id from customers union select id from orders',
  'explain analyze select email from customers',
  'select x.lower from (select lower(name) from customers) x',
  'select slugify(name) from customers for update of customers',
  'select x.newest from (select max(id) as newest from customers) x',
  'select billing.total(name), total(name) from customers',
  'select prénom, années + 1 as été from customers order by été',
  'update customers set name = $1 where id = 1 returning old.email, new.phone',
];

/** Nothing with masked columns is in them. */
const FREE = [
  'select email from newsletter where email like $1',
  'select row_to_json(o) from orders o',
  'select * from orders natural join items',
  'select a from t union select b from u order by 1',
  'begin',
  "select 'customers.email'",
  'copy orders to stdout',
];

const REFUSED: Record<string, string[]> = {
  'email is masked': [
    "select 1 from customers where email = 'a@b.c'",
    "select id from customers where email like 'a%'",
    'select lower(email) from customers',
    "select email || '' from customers",
    'select email::bytea from customers',
    'select cast(email as text) from customers',
    'select reverse(c.email), c.id from customers c',
    'select min(email) from customers',
    "select coalesce(email, '') from customers",
    'select case when email is null then 1 end from customers',
    'select email is null from customers',
    'select name from customers order by email',
    'select name from customers order by lower(email)',
    'select count(*) from customers group by email',
    'select count(*) filter (where email = $1) from customers',
    'select rank() over (order by email) from customers',
    'select rank() over w from customers window w as (partition by email)',
    'select distinct on (email) id from customers',
    'select id from customers limit (select length(max(email)) from customers)',
    'select o.id from orders o join customers c on c.email = o.note',
    'select o.id from orders o join customers c using (email)',
    'select email from customers union select name from customers',
    'select (select email from customers limit 1)',
    'select array(select email from customers)',
    "select id from customers where id in (select id from customers where email > 'm')",
    'select id from orders where note = any (select email from customers)',
    'insert into archive select id, email from customers',
    'insert into archive (note) values ((select email from customers limit 1))',
    'select id, email into copy from customers',
    'update customers set name = email',
    'update orders set note = c.email from customers c where c.id = customer_id',
    'update customers set email = email || $1 returning id',
    'update customers set name = 1 where id = 1 returning lower(email)',
    "delete from customers where email = 'a'",
    'delete from orders using customers c where c.email = note',
    'merge into orders o using customers c on o.id = c.id when matched then update set note = c.email',
    'insert into customers (email) values ($1) on conflict (email) do nothing',
    'copy (select email from customers) to stdout',
    'copy customers (id, email) to stdout',
    'select x.email from (select email from customers) x where x.email = $1',
    'with c as (select email from customers) select lower(email) from c',
    'select generate_series(1, length(email)) from customers',
    'select * from customers c, lateral length(c.email) n',
    'values ((select email from customers limit 1))',
    'select id from customers tablesample bernoulli (10) where email = $1',
    'declare d cursor for select lower(email) from customers',
    'prepare p as select id from customers where email = $1',
    'explain select id from customers where email = $1',
    'select 1; select lower(email) from customers',
  ],
  'is masked and may': [
    // As the bytes of another encoding look here, and as Turkish folds.
    'select upper(pr\ufffdnom) from customers',
    'select upper(x.a) from (select pr\ufffdnom as a from customers) x',
    'select id from customers order by PRÉNOM',
    'select lower(EMAİL) from customers',
  ],
  'contact is masked': ["select 1 from (select email as contact from customers) x where contact = 'a'"],
  'b is masked': ['select lower(b) from (select a as b from (select email as a from customers) x) y'],
  'whole row': [
    'select customers from customers',
    'select row_to_json(c) from customers c',
    'select c::text from customers c',
    'select (c).* from customers c',
    'select (c).email from customers c',
    'select to_json(x) from (select * from customers) x',
    'with c as (select * from customers) select array_agg(c) from c',
    'select id from customers c where c = $1',
    'update customers set name = $1 returning old',
    'update customers set name = $1 returning new::text',
    'delete from customers returning with (old as o) row_to_json(o)',
    'insert into customers (id) values (1) returning with (new as n) n',
  ],
  'a star inside': [
    'select row(c.*) from customers c',
    'select to_json(c.*) from customers c',
    'select * from customers union all select * from customers',
    'insert into archive select * from customers',
    'copy (select * from customers) to stdout',
    'select id from orders where exists (select * from customers)',
  ],
  'COPY of a whole table': ['copy customers to stdout', 'copy public.customers to stdout with csv'],
  'renames columns': [
    'select a from customers as c (a, b, d)',
    'select a from (select email from customers) as c (a)',
    'with c (a) as (select email from customers) select a from c where a = $1',
  ],
  'a NATURAL join': ['select 1 from customers natural join newsletter'],
  'as a function': [
    'select c.row_to_json from customers c',
    'select x.j::text from (select c.to_jsonb as j from customers c) x',
    'select id from customers c where c.to_json::text like $1',
    // What the statement names elsewhere does not make a column of it, nor does a column of another table.
    'select c.to_json, id as to_json from customers c',
    'select c.to_jsonb, to_jsonb(1) from customers c',
    'select c.concat from customers c, (select 1 as concat) x',
    'select c.max from customers c',
  ],
  'by position': [
    'select email from customers order by 1',
    'select * from customers order by 2',
    'select email, count(*) from customers group by 1',
    'select email, count(*) from customers group by rollup (1)',
    'select email, id, count(*) from customers group by (1, 2)',
    'select email, count(*) from customers group by grouping sets ((id), cube (1))',
    'select distinct on (1) email, id from customers',
  ],
  'the view customer_list': [
    'select * from customer_list',
    'select 1 from orders where id in (select id from public.customer_list)',
  ],
  'was not there when': ['select * from made_later', 'select 1 from orders, public.made_later'],
  'the function email()': ['select email(c) from customers c'],
  'the function log_it()': [
    'create trigger t after insert on customers for each row execute function log_it()',
  ],
  'the function name()': ['select public.name(1)'],
  'what a cursor reads': ["select cursor_to_xml('c', 10, false, false, '')"],
  'what a prepared statement reads': [
    'create temp table orders as execute p',
    'explain analyze create table pg_mine as execute p',
  ],
  'the function export_all()': ['select export_all()', 'select * from export_all() x'],
  'shows values': [
    "select most_common_vals from pg_stats where tablename = 'customers'",
    'table pg_catalog.pg_statistic',
  ],
  'text as a statement': ["select query_to_xml('select email from customers', true, true, '')"],
  DO: ['do $$ begin perform lower(email) from customers; end $$'],
  'on tables that have masked columns': [
    'create table copy as select id, email from customers',
    'create view v as select email from customers',
    'alter table customers rename column email to note',
    'create index on customers (lower(email))',
    'alter table everything attach partition customers default',
    'alter table customers inherit everything',
    'create table copy (like customers including all)',
  ],
  'which has masked columns': [
    'merge into customers c using orders o on c.id = o.customer_id when matched then delete',
  ],
};

describe('where columns are masked', () => {
  let parser: Parser;
  const judged = (text: string): MaskRefusal | null => {
    const parsed = parser.parse(text);
    assert.ok(parsed.ok, text);
    return judgeMask(analyse(parsed.statements), columnUse(parsed.statements), MASKED, FUNCTIONS);
  };
  before(async () => {
    parser = createParser();
    await parser.ready;
  });

  test('plain output passes', () => {
    for (const text of PLAIN) assert.deepEqual([text, judged(text)], [text, null]);
  });

  test('what touches no masked column is free', () => {
    for (const text of FREE) assert.deepEqual([text, judged(text)], [text, null]);
  });

  for (const [said, texts] of Object.entries(REFUSED)) {
    test(`refused: ${said}`, () => {
      for (const text of texts) {
        const what = judged(text)?.what ?? '(passed)';
        assert.ok(what.includes(said), `${text}: ${what}`);
      }
    });
  }

  test('a statement that names more than is kept is not vouched for', () => {
    const many = Array.from({ length: 600 }, (_, n) => `f${n}()`).join(', ');
    assert.match(judged(`select ${many}`)?.what ?? '', /more tables and functions/);
  });
});
