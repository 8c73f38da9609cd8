import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from '../../test/harness/postgres.ts';
import { createLog } from '../base/log.ts';
import { type Db, openStore } from '../db/client.ts';
import { createEvents, type Event, publish } from './events.ts';

const log = createLog('silent');
let postgres: TestPostgres;
let here: Db;
before(async () => {
  postgres = await startPostgres({ version: 18 });
  here = openStore({ connectionString: postgres.adminUrl, poolSize: 2, onError: () => undefined });
});
after(async () => {
  await here.destroy();
  await postgres.stop();
});

const heardBy = (events: { subscribe(handler: (event: Event) => void): () => void }) => {
  const heard: Event[] = [];
  events.subscribe((event) => heard.push(event));
  return heard;
};

test('heard here at the commit and elsewhere soon after, once each, and not at all when rolled back', async () => {
  const own = createEvents({ connectionString: postgres.adminUrl, log, db: here });
  const other = createEvents({ connectionString: postgres.adminUrl, log });
  await Promise.all([own.start(), other.start()]);
  try {
    const [atOwn, atOther] = [heardBy(own), heardBy(other)];
    const arrives = other.next((event) => event.id === 'grt_2', 5_000);
    await here.transaction().execute(async (trx) => {
      await publish(trx, { topic: 'grants', id: 'grt_1', act: 'ending', reason: 'r'.repeat(900) });
      await publish(trx, { topic: 'grants', id: 'grt_2' });
      assert.deepEqual(atOwn, []);
    });
    assert.deepEqual(
      atOwn.map((event) => event.id),
      ['grt_1', 'grt_2'],
    );
    assert.equal(await arrives, true);
    assert.equal(atOther[0]?.reason?.length, 500);
    const failed = here.transaction().execute(async (trx) => {
      await publish(trx, { topic: 'grants', id: 'grt_3' });
      throw new Error('rolled back');
    });
    await assert.rejects(failed, /rolled back/);
    await publish(here, { topic: 'requests', id: 'req_4' });
    assert.equal(await other.next((event) => event.id === 'req_4', 5_000), true);
    await delay(100);
    const ids = ['grt_1', 'grt_2', 'req_4'];
    assert.deepEqual(
      atOwn.map((event) => event.id),
      ids,
    );
    assert.deepEqual(
      atOther.map((event) => event.id),
      ids,
    );
  } finally {
    await Promise.all([own.stop(), other.stop()]);
  }
});

test('a burst is few notifications and none is lost; whoever has no listener publishes all the same', async () => {
  const own = createEvents({ connectionString: postgres.adminUrl, log, db: here });
  const other = createEvents({ connectionString: postgres.adminUrl, log });
  await Promise.all([own.start(), other.start()]);
  const silent = openStore({ connectionString: postgres.adminUrl, poolSize: 1, onError: () => undefined });
  try {
    const heard = heardBy(other);
    const last = other.next((event) => event.id === 'ses_499', 5_000);
    for (let n = 0; n < 500; n++) await publish(here, { topic: 'sessions', id: `ses_${n}` });
    assert.equal(await last, true);
    assert.deepEqual(
      heard.map((event) => event.id),
      Array.from({ length: 500 }, (_, n) => `ses_${n}`),
    );
    const fromSilent = other.next((event) => event.id === 'tgt_1', 5_000);
    await publish(silent, { topic: 'targets', id: 'tgt_1' });
    assert.equal(await fromSilent, true);
  } finally {
    await Promise.all([own.stop(), other.stop(), silent.destroy()]);
  }
});

test('next gives up in time, and at once when it is aborted', async () => {
  const own = createEvents({ connectionString: postgres.adminUrl, log, db: here });
  await own.start();
  try {
    assert.equal(await Promise.race([own.next(() => true, 50), delay(3_000, 'late')]), false);
    const aborting = new AbortController();
    const waiting = own.next(() => true, 60_000, aborting.signal);
    aborting.abort();
    assert.equal(await waiting, false);
    assert.equal(await own.next(() => true, 60_000, AbortSignal.abort()), false);
  } finally {
    await own.stop();
  }
});
