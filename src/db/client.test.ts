import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { startPostgres, type TestPostgres } from '../../test/harness/postgres.ts';
import { afterCommit, type Db, openStore } from './client.ts';

let postgres: TestPostgres;
let db: Db;
before(async () => {
  postgres = await startPostgres({ version: 18 });
  // One connection, so that what a connection knows can be asked of it.
  db = openStore({ connectionString: postgres.adminUrl, poolSize: 1, onError: () => undefined });
});
after(async () => {
  await db.destroy();
  await postgres.stop();
});

test('what waits for a commit comes after it, once, with the store, and never after a rollback', async () => {
  const seen: unknown[] = [];
  const returned = await db.transaction().execute(async (trx) => {
    afterCommit(trx, (store) => seen.push(store));
    await sql`select 1`.execute(trx);
    assert.deepEqual(seen, []);
    return 'done';
  });
  assert.equal(returned, 'done');
  assert.equal(seen.length, 1);
  assert.equal(seen[0], db);

  const failed = db.transaction().execute(async (trx) => {
    afterCommit(trx, (store) => seen.push(store));
    await sql`select 1 / 0`.execute(trx);
  });
  await assert.rejects(failed, { code: '22012' });
  assert.equal(seen.length, 1);

  afterCommit(db, (store) => seen.push(store));
  assert.equal(seen.length, 2);
});

test('what is asked often is prepared, by its text; what is asked once is not', async () => {
  const often = (n: number) => sql<{ twice: number }>`select ${n}::int * 2 as twice`.execute(db);
  for (let n = 0; n < 6; n++) assert.equal((await often(n)).rows[0]?.twice, n * 2);
  await sql`select ${1}::int as only_once`.execute(db);
  const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db);
  const prepared = rows.map((row) => row.statement);
  assert.ok(
    prepared.some((text) => text.includes('as twice')),
    prepared.join('\n'),
  );
  assert.ok(!prepared.some((text) => text.includes('only_once')), prepared.join('\n'));
});

test('a table that changes its shape under prepared statements is read on', async () => {
  await sql`create table shapes (id int); insert into shapes values (1)`.execute(db);
  const read = () => sql<{ id: number; more?: string }>`select * from shapes where id = ${1}`.execute(db);
  for (let n = 0; n < 5; n++) assert.deepEqual((await read()).rows, [{ id: 1 }]);
  await sql`alter table shapes add more text default 'new'`.execute(db);
  assert.deepEqual((await read()).rows, [{ id: 1, more: 'new' }]);
  assert.deepEqual((await read()).rows, [{ id: 1, more: 'new' }]);
});
