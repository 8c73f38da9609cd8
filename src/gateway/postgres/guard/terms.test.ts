// A task's lists, case by case: what its statements may touch and call, what is refused, and every way in which a name
// might slip past. The rights on the target are the boundary; what the same statements meet there is in
// test/guard/guard.test.ts.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import pg from 'pg';
import { startPostgres } from '../../../../test/harness/postgres.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import type { SessionTicket } from '../../../grants/session-ticket.ts';
import { BEYOND } from '../../../sessions/recording-format.ts';
import { isBuiltIn, takesRows } from './built-in-functions.ts';
import { createGuard, type Guard, type Verdict } from './guard.ts';
import { functionRule } from './rules.ts';
import { termsOf } from './terms.ts';

const FIX_ORDERS: SessionTicket['guard'] = {
  allow: [],
  requireWhere: true,
  lists: {
    mode: 'enforce',
    relations: [
      { verb: 'select', object: 'public.orders' },
      { verb: 'update', object: 'public.orders' },
      { verb: 'select', object: 'public.items' },
      { verb: 'insert', object: 'public.refunds' },
      { verb: 'select', object: 'public.refunds_id_seq' },
    ],
    functions: ['billing.refund', 'slugify'],
  },
};

const PASSES = [
  'select * from orders o join public.items i on i.order_id = o.id',
  'table orders',
  'update orders set note = upper(note) where id = 1',
  'insert into refunds (order_id) select id from orders',
  'with late as (select * from orders where due < now()) select count(*) from late join items using (id)',
  'with recursive tree as (select 1 as id union all select id + 1 from tree where id < 9) select * from tree',
  'with a as (select 1), b as (select * from a) select * from b',
  'select * from orders o for update of o',
  'select o.*, row_number() over (partition by customer_id order by id) from orders o',
  "select coalesce(note, '-'), extract(year from now()), substring(note from 1 for 3), note like 'a%' from orders",
  'select billing.refund(1), refund(2), slugify(note), app.slugify(note) from orders',
  'call billing.refund(1)',
  'select * from generate_series(1, 10) n, unnest(array[1, 2]) u',
  'select relname from pg_class join pg_catalog.pg_namespace n on n.oid = relnamespace',
  'select * from information_schema.columns',
  'begin; lock table items in share mode; savepoint a; commit',
  'copy (select * from orders) to stdout',
  'copy public.refunds (order_id) from stdin',
  'explain analyze select * from orders',
  'declare c cursor for select * from orders; fetch all from c; close c',
  'prepare p as select * from orders where id = $1; execute p(1); deallocate p',
  "set search_path = public; show search_path; set statement_timeout = '5s'; reset all; discard all",
  'merge into refunds r using orders o on r.order_id = o.id when not matched then insert (order_id) values (o.id)',
];

/** By what the refusal must say. */
const REFUSED: Record<string, string[]> = {
  'select customers': [
    'select * from customers',
    'table customers',
    'select 1 where exists (select from customers)',
    'select (select max(id) from customers) from orders',
    'with c as (select * from customers) select * from c',
    'insert into refunds (order_id) select id from customers',
    'update orders set note = c.name from customers c where c.id = orders.customer_id',
    'explain select * from customers',
    'prepare p as select * from customers',
    'declare c cursor for select * from customers',
    'copy customers to stdout',
    'copy (select * from customers) to stdout',
    'select * from orders union select * from customers',
    'values ((select count(*) from customers))',
    'select * from orders order by (select 1 from customers)',
    'select * from lateral (select * from customers) x',
    'select 1; select * from customers',
    // A WITH gives its name only where it stands, and not to itself.
    'with customers as (select * from customers) select * from customers',
    'with customers as (select 1) select * from customers; select * from customers',
    'select * from (with customers as (select 1) select * from customers) x, customers',
    'with a as (select * from customers), customers as (select 1) select * from a, customers',
  ],
  'select secret.orders': ['select * from secret.orders', 'select * from public.items, "secret"."orders"'],
  'select public.customers': ['with customers as (select 1) select * from public.customers'],
  'update items': [
    'update items set a = 1 where id = 1',
    'insert into refunds select 1 from items; update items set a = 1 where id = 2',
  ],
  'insert orders': ['insert into orders default values', 'copy orders from stdin'],
  'update refunds': [
    'merge into refunds r using orders o on r.order_id = o.id when matched then update set order_id = 1',
    'insert into refunds values (1) on conflict (id) do update set order_id = 2',
  ],
  'merge items': ['merge into items i using orders o on i.id = o.id when matched then do nothing'],
  'delete orders': [
    'delete from orders where id = 1',
    'with gone as (delete from orders where id = 1 returning *) select * from gone',
    'merge into orders o using items i on i.id = o.id when matched then delete',
  ],
  'truncate orders': ['truncate orders'],
  'create-table copy': ['select * into copy from orders'],
  'run CREATE TABLE AS': ['create table copy as select * from orders'],
  'run CREATE statements': ['create temp table t (a int)'],
  'run DROP': ['drop table orders'],
  'run ALTER TABLE': ['alter table orders add column a int'],
  'run VACUUM': ['vacuum orders'],
  'run VIEW': ['create view v as select * from orders'],
  'run COMMENT': ["comment on table orders is 'x'"],
  'call erase_everything()': [
    'select erase_everything()',
    'select * from orders where erase_everything()',
    'call erase_everything()',
    'select * from erase_everything()',
    'update orders set note = erase_everything() where id = 1',
  ],
  'call public.upper()': ["select public.upper('a')"],
  'call other.refund()': ['select other.refund(1)'],
  'call pg_catalog.no_such()': ['select pg_catalog.no_such()'],
  'it would update orders as a whole': [
    'update orders set note = 1',
    'with x as (update orders set note = 1 returning *) select * from x',
    'merge into orders o using refunds r on o.id = r.order_id when not matched by source then update set note = 1',
  ],
};

describe('the lists of a task', () => {
  let guard: Guard;
  const asked = (text: string, terms = FIX_ORDERS): Verdict => guard(text, termsOf(terms, 'fix-orders'));
  before(async () => {
    guard = await createGuard();
  });

  test('let its work through', () => {
    for (const text of PASSES) assert.equal(asked(text).refusal?.text ?? null, null, text);
  });

  for (const [said, texts] of Object.entries(REFUSED)) {
    test(`refuse: ${said}`, () => {
      for (const text of texts) {
        const { refusal } = asked(text);
        assert.equal(refusal?.sqlstate, '42501', text);
        assert.ok(refusal?.text.includes(said), `${text}: ${refusal?.text}`);
      }
    });
  }

  test('say what the task may do, and what to do next', () => {
    assert.deepEqual(asked('select * from customers').refusal, {
      sqlstate: '42501',
      text: 'Sallyport refused this statement: task fix-orders does not select customers.',
      hint: 'It may select public.orders, update public.orders, select public.items, insert public.refunds, select public.refunds_id_seq. Ask for a task that may do this, or have this one widened.',
    });
  });

  test('only warn where the task says so, and never about what a rule holds', () => {
    const lists = FIX_ORDERS.lists;
    assert.ok(lists !== null);
    const learning = { ...FIX_ORDERS, requireWhere: false, lists: { ...lists, mode: 'warn' as const } };
    const uses = (text: string) => {
      const verdict = asked(text, learning);
      assert.equal(verdict.refusal, null);
      return verdict.uses.filter((use) => use.verb === BEYOND).map((use) => use.object);
    };
    assert.deepEqual(uses('select * from customers'), ['select customers']);
    assert.deepEqual(uses('select erase_everything()'), ['call erase_everything()']);
    assert.deepEqual(uses('select * from orders'), []);
    assert.equal(asked("alter role current_user password 'x'", learning).refusal?.sqlstate, '42501');
  });

  test('are each task’s own, for the same statement', () => {
    const text = 'select * from customers where id = 7';
    const reader = {
      ...FIX_ORDERS,
      lists: {
        mode: 'enforce' as const,
        relations: [{ verb: 'select', object: 'public.customers' }],
        functions: [],
      },
    };
    for (let turn = 0; turn < 3; turn++) {
      assert.notEqual(asked(text).refusal, null);
      assert.equal(asked(text, reader).refusal, null);
      assert.equal(asked(text, { ...FIX_ORDERS, lists: null }).refusal, null);
    }
  });

  test('do not vouch for a statement that names more than can be kept', () => {
    const many = Array.from({ length: 600 }, (_, n) => `select * from pg_catalog.pg_t${n}`).join(
      ' union all ',
    );
    assert.match(asked(many).refusal?.text ?? '', /more tables and functions than/);
  });

  test('a WITH of thousands is read in time that grows with its length', () => {
    const tables = Array.from(
      { length: 20_000 },
      (_, n) => `a${n} as (select 1 from a${n - 1 < 0 ? 'x' : n - 1})`,
    );
    const began = performance.now();
    assert.notEqual(asked(`with ${tables.join(', ')} select 1`).refusal, null);
    assert.ok(performance.now() - began < 10_000);
  });
});

/** They take rows and tell nothing of what is in them. */
const OF_NO_VALUES = new Set([
  ...['count', 'num_nonnulls', 'num_nulls', 'pg_collation_for', 'pg_column_compression', 'pg_column_size'],
  ...['pg_column_toast_chunk_id', 'pg_restore_attribute_stats', 'pg_restore_relation_stats', 'pg_typeof'],
]);

for (const version of [15, 18] as const) {
  test(`every function of PostgreSQL ${version} is known, or held by a rule`, {
    skip: version === 15 && skipWithout('postgres15'),
  }, async () => {
    const server = await startPostgres({ version });
    const client = new pg.Client({ connectionString: server.adminUrl });
    try {
      await client.connect();
      const { rows } = await client.query<{ name: string }>(
        `select distinct proname as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace
           and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
           and not ('internal'::regtype = any (proargtypes::oid[]))`,
      );
      const missing = rows
        .map((row) => row.name)
        .filter((name) => !isBuiltIn(name) && functionRule([name], 1) === null);
      assert.deepEqual(missing, []);
      // Window functions and those WITHIN GROUP cannot be written as a column.
      const { rows: taking } = await client.query<{ name: string }>(
        `select distinct proname as name from pg_proc left join pg_aggregate a on a.aggfnoid = pg_proc.oid
         where pronamespace = 'pg_catalog'::regnamespace and prokind in ('f', 'a') and coalesce(aggkind, 'n') = 'n'
           and pronargs >= 1 and pronargs - pronargdefaults <= 1 and proargtypes[0]::regtype::text in ('record', '"any"',
             'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray')`,
      );
      assert.deepEqual(
        taking.map((row) => row.name).filter((name) => !takesRows(name) && !OF_NO_VALUES.has(name)),
        [],
      );
    } finally {
      await client.end();
      await server.stop();
    }
  });
}
