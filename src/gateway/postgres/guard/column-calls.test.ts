// Which columns are calls, for a target that has a few functions of one argument. That the server itself reads them so,
// and that the gateway finds these functions there, is tried in test/guard/ and mask.test.ts.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { analyse } from './analyse.ts';
import { ANY_ROW, type ColumnFunctions, isCall } from './column-calls.ts';
import { createParser, type Parser } from './parser.ts';

const FUNCTIONS: ColumnFunctions = {
  key: '',
  value: new Set(['f', 'name']),
  row: new Map([
    ['of_customer', new Set(['customers'])],
    ['status', new Set(['customers', 'refunds'])],
    ['of_any', new Set([ANY_ROW])],
  ]),
};

const CALLS: Record<string, string[]> = {
  f: [
    'select (1).f',
    'select ($1).f',
    'select ((select 1)).f',
    'select (array[1])[1].f',
    'select x.f from generate_series(1, 2) x',
    'select x.f from generate_series(1, 2) as x(n)',
    'select generate_series.f from generate_series(1, 2)',
    'select x.f from rows from (generate_series(1, 2)) x',
    'select "current_user".f from current_user',
    'update orders set note = (note).f',
    'select id from orders where (id).f > 1',
  ],
  of_customer: [
    'select c.of_customer from customers c',
    'select customers.of_customer from public.customers',
    'select public.customers.of_customer from public.customers',
    'select 1 from orders o join customers c on c.of_customer is null',
    'update customers set id = 1 returning customers.of_customer',
    'insert into customers values (1) on conflict (id) do update set id = length(excluded.of_customer)',
    'update customers set id = 1 returning with (old as o) o.of_customer, (select o.id from (select 1 as id) o)',
    'select (c).of_customer from customers c',
    'select a.status, b.of_customer from orders a, customers b',
    'select z.of_customer from nothing',
  ],
  status: ['select c.status from customers c', 'select r.status from refunds r'],
  of_any: [
    'select o.of_any from orders o',
    'with q as (select 1) select q.of_any from q',
    'select x.of_any from (select 1) x',
  ],
};

const COLUMNS = [
  'select o.status, o.of_customer, o.f, o.name from orders o',
  'select status, f, of_customer, of_any from customers',
  'select x.status from (select 1 as status) x, customers',
  'with q as (select 1 as status) select q.status from q',
  'select n.n from generate_series(1, 2) n(n)',
  'select (a).city from addresses',
  'update orders set status.f = 1',
  'insert into orders (status.f) values (1)',
];

let parser: Parser;
before(async () => {
  parser = createParser();
  await parser.ready;
});

function called(text: string): string[] {
  const parsed = parser.parse(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  const { columnCalls } = analyse(parsed.statements);
  return columnCalls.filter((one) => isCall(one, FUNCTIONS)).map(({ name }) => name);
}

test('a column that would be a call is one', () => {
  for (const [name, texts] of Object.entries(CALLS))
    for (const text of texts) assert.ok(called(text).includes(name), text);
});

test('a column that is a column is none, whatever functions are called like it', () => {
  for (const text of COLUMNS) assert.deepEqual(called(text), [], text);
});
