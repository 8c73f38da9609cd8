// The sequencer under what happens to it: writers that roll back, overtake one another and never stop, other
// replicas, kill -9, a store that was put back, a store that was rewritten.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { openTestLog, type TestLog } from '../../test/harness/audit-log.ts';
import { AuditAlarm } from './alarm.ts';
import { append } from './append.ts';
import { logKeyFile, openLogKey } from './keys.ts';
import { oneKey } from './log-keys.ts';
import { createSequencer } from './sequence.ts';
import { parseLeaf } from './verify/leaf.ts';
import { splitNotes } from './verify/note.ts';
import { CompactRange, chainHash, HASH_BYTES, leafHash } from './verify/tree.ts';

const ANNA = { id: 'prn_anna', name: 'anna', kind: 'person' };
let log: TestLog;
let emptyAgain: () => Promise<void>;

before(async () => {
  log = await openTestLog();
  emptyAgain = await log.backup();
});
after(() => log.close());
beforeEach(async () => {
  await emptyAgain();
  await rm(join(log.dataFolder, 'audit'), { recursive: true, force: true });
});

async function names(): Promise<(string | null)[]> {
  const rows = await log.db
    .selectFrom('audit_entries')
    .select(['index', 'leaf'])
    .where('index', 'is not', null)
    .orderBy('index')
    .execute();
  for (const [at, row] of rows.entries()) assert.equal(row.index, at, 'indexes are contiguous');
  return rows.map((row) => String(parseLeaf(row.leaf)?.detail.name));
}

async function isAlarm(act: Promise<unknown>, badIndex: number, pattern: RegExp): Promise<void> {
  await assert.rejects(act, (error) => {
    assert.ok(error instanceof AuditAlarm, String(error));
    assert.match(error.message, pattern);
    assert.equal(error.badIndex, badIndex);
    return true;
  });
}

async function startsWithAlarm(badIndex: number, pattern: RegExp): Promise<void> {
  const sequencer = log.sequencer();
  await isAlarm(sequencer.flush(), badIndex, pattern);
  await sequencer.stop();
}

/** Writers that commit, roll back, wait in between, and give up their connection; the names that committed. */
async function writeAtOnce(writers: number, each: number): Promise<string[]> {
  const committed: string[] = [];
  const writer = async (number: number) => {
    for (let at = 0; at < each; at++) {
      const name = `${number}-${at}`;
      const rollsBack = Math.random() < 0.2;
      await log.db
        .transaction()
        .execute(async (trx) => {
          await append(trx, { kind: 'test.event', actor: ANNA, detail: { name } });
          if (Math.random() < 0.3) await delay(Math.random() * 30);
          if (rollsBack) throw new Error('rolled back');
        })
        .then(
          () => committed.push(name),
          (error: unknown) => assert.match(String(error), /rolled back/),
        );
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, number) => writer(number)));
  return committed;
}

test('16 writers with rollbacks and delays: nothing lost, nothing twice, no gap, and it verifies', async () => {
  const sequencer = log.sequencer();
  sequencer.start();
  const committed = await writeAtOnce(16, 40);
  const { size } = await sequencer.flush();
  await sequencer.stop();
  assert.equal(size, committed.length);
  assert.deepEqual((await names()).sort(), committed.sort());
  const result = await log.verify();
  assert.equal(result.ok, true, result.problem);
  assert.equal(result.size, size);
  assert.equal(result.outside?.leaves, size);
});

test('an entry that commits after later ones gets a later index', async () => {
  const sequencer = log.sequencer();
  let commit = () => {};
  const early = log.db.transaction().execute(async (trx) => {
    await append(trx, { kind: 'test.event', actor: ANNA, detail: { name: 'early' } });
    await new Promise<void>((resolve) => {
      commit = resolve;
    });
  });
  while (
    (
      await sql<{
        n: number;
      }>`select count(*)::integer as n from pg_locks where relation = 'audit_entries'::regclass`.execute(
        log.db,
      )
    ).rows[0]?.n === 0
  )
    await delay(5);
  await log.write('late');
  assert.deepEqual(await sequencer.flush(), { size: 1 });
  commit();
  await early;
  assert.deepEqual(await sequencer.flush(), { size: 2 });
  assert.deepEqual(await names(), ['late', 'early']);
  await sequencer.stop();
});

test('by itself it numbers and signs within a second', async () => {
  const sequencer = log.sequencer();
  sequencer.start();
  await log.write('one');
  while (sequencer.status().checkpointSize < 1) await delay(10);
  const startedAt = performance.now();
  await log.write('two');
  while (sequencer.status().checkpointSize < 2) await delay(10);
  const tookMs = performance.now() - startedAt;
  await sequencer.stop();
  // The machine may be busy with other tests; the promise is a second.
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  assert.equal((await log.verify()).size, 2);
});

test('two replicas take turns, and each keeps the whole log outside', async () => {
  const otherFolder = await log.folder();
  const [one, other] = [log.sequencer(), log.sequencer(otherFolder)];
  one.start();
  other.start();
  const committed = await writeAtOnce(8, 40);
  await Promise.all([one.flush(), other.flush()]);
  await other.flush();
  await Promise.all([one.stop(), other.stop()]);
  assert.deepEqual((await names()).sort(), committed.sort());
  assert.equal((await log.verify()).ok, true);
  for (const file of ['audit/leaves', 'audit/checkpoints']) {
    const [mine, theirs] = [
      await readFile(join(log.dataFolder, file)),
      await readFile(join(otherFolder, file)),
    ];
    assert.ok(mine.length > 0 && theirs.length > 0);
    assert.ok(mine.equals(theirs), file);
  }
});

test('killed with -9 again and again while it works, it goes on where it was', async () => {
  const key = logKeyFile(log.dataFolder);
  const child = `
    const { openStore } = await import(${JSON.stringify(new URL('../db/client.ts', import.meta.url).href)});
    const { createSequencer } = await import(${JSON.stringify(new URL('./sequence.ts', import.meta.url).href)});
    const { oneKey } = await import(${JSON.stringify(new URL('./log-keys.ts', import.meta.url).href)});
    const { openLogKey } = await import(${JSON.stringify(new URL('./keys.ts', import.meta.url).href)});
    const { createLog } = await import(${JSON.stringify(new URL('../base/log.ts', import.meta.url).href)});
    const db = openStore({ connectionString: process.env.STORE, poolSize: 4, onError: () => {} });
    const signer = await openLogKey(process.env.DATA, '7f3a');
    const sequencer = createSequencer({ db, log: createLog('error'), dataFolder: process.env.DATA, keys: oneKey(signer), installationId: '7f3a' });
    process.stdout.write('ready');
    for (;;) await sequencer.flush();`;
  assert.ok((await readFile(key)).length > 0);
  let written = 0;
  for (let round = 0; round < 6; round++) {
    const running = spawn(process.execPath, ['--input-type=module', '-e', child], {
      env: { ...process.env, STORE: log.postgres.adminUrl, DATA: log.dataFolder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(running.stdout, 'data');
    const killAt = performance.now() + 50 + Math.random() * 150;
    while (performance.now() < killAt)
      await log.write(...Array.from({ length: 20 }, () => String(written++)));
    running.kill('SIGKILL');
    await once(running, 'exit');
  }
  const sequencer = log.sequencer();
  assert.deepEqual(await sequencer.flush(), { size: written });
  await sequencer.stop();
  const numbered = (await names()).map(Number);
  assert.deepEqual(
    numbered.sort((a, b) => a - b),
    Array.from({ length: written }, (_, at) => at),
  );
  const result = await log.verify();
  assert.equal(result.ok, true, result.problem);
});

test('a crash between the store and the files: what is missing outside is made again, what is torn is dropped', async () => {
  const first = log.sequencer();
  await log.write('a', 'b');
  await first.flush();
  const saved = await log.folder();
  await cp(join(log.dataFolder, 'audit'), saved, { recursive: true });
  await log.write('c', 'd');
  await first.flush();
  await log.write('e');
  await first.stop();

  const leaves = join(log.dataFolder, 'audit', 'leaves');
  const checkpoints = join(log.dataFolder, 'audit', 'checkpoints');
  const restarts: (() => Promise<void>)[] = [
    async () => cp(saved, join(log.dataFolder, 'audit'), { recursive: true, force: true }),
    async () => {
      await cp(saved, join(log.dataFolder, 'audit'), { recursive: true, force: true });
      await appendFile(leaves, Buffer.alloc(HASH_BYTES + 5));
      await appendFile(checkpoints, 'sallyport/7f3a\n4\nAAAA');
    },
    async () => {
      await log.db.deleteFrom('audit_checkpoints').where('size', '>', 2).execute();
      await cp(join(saved, 'checkpoints'), checkpoints, { force: true });
    },
    async () => rm(join(log.dataFolder, 'audit'), { recursive: true }),
  ];
  for (const [at, crash] of restarts.entries()) {
    await crash();
    const again = log.sequencer();
    assert.deepEqual(await again.flush(), { size: 5 }, `restart ${at}`);
    await again.stop();
    const result = await log.verify({
      keptCheckpoints: splitNotes(await readFile(join(saved, 'checkpoints'), 'utf8')),
    });
    assert.equal(result.ok, true, `restart ${at}: ${result.problem}`);
    assert.deepEqual(result.outside?.leaves, 5);
  }
});

test('an older state of the store is refused, at start and while running, and verify names the first missing', async () => {
  const running = log.sequencer();
  await log.write('a', 'b');
  await running.flush();
  const putBack = await log.backup();
  await log.write('c', 'd', 'e');
  await running.flush();
  await putBack();
  await log.write('something else');
  await isAlarm(running.flush(), 2, /went back from 5 to 2/);
  assert.equal(running.status().alarm?.badIndex, 2);
  await running.stop();
  await startsWithAlarm(2, /an older backup was restored/);
  assert.deepEqual(await names(), ['a', 'b'], 'nothing was numbered over it');
  const result = await log.verify();
  assert.equal(result.badIndex, 2);
  assert.match(result.problem ?? '', /outside the database covers 5 entries/);
});

test('an older state that another replica has gone on from is refused, and the first other entry is named', async () => {
  const mine = log.sequencer();
  await log.write('a', 'b');
  await mine.flush();
  const putBack = await log.backup();
  await log.write('c', 'd');
  await mine.flush();
  await putBack();
  await log.write('x', 'y', 'z');
  const elsewhere = log.sequencer(await log.folder());
  await elsewhere.flush();
  await elsewhere.stop();
  await isAlarm(mine.flush(), 2, /history was rewritten/);
  await mine.stop();
  await startsWithAlarm(2, /not the same log/);
  assert.equal((await log.verify()).badIndex, 2);
});

test('a history that was rewritten so that the store fits itself is not signed', async () => {
  const sequencer = log.sequencer();
  await log.write('a', 'b', 'c', 'd', 'e');
  await sequencer.flush();
  await rewrite(2, 'nothing happened');
  await log.write('f');
  await isAlarm(sequencer.flush(), 2, /history was rewritten|changed at 5/);
  await sequencer.stop();
  await startsWithAlarm(2, /history was rewritten/);
  const result = await log.verify();
  assert.equal(result.badIndex, 2);
});

test('a lost state of the tree, a strange one, and a strange key stop it', async () => {
  const sequencer = log.sequencer();
  await log.write('a', 'b');
  await sequencer.flush();
  await sequencer.stop();
  const putBack = await log.backup();
  await log.db.deleteFrom('audit_tree').execute();
  await startsWithAlarm(0, /state of the log is missing/);
  await putBack();
  await sql`update audit_tree set frontier = '{}'`.execute(log.db);
  await log.write('c');
  await startsWithAlarm(2, /makes no sense/);
  await putBack();
  await rm(join(log.dataFolder, 'audit'), { recursive: true });
  const signer = await openLogKey(await log.folder(), '7f3a');
  const { db, dataFolder } = log;
  const other = createSequencer({
    db,
    log: silent(),
    dataFolder,
    keys: oneKey(signer),
    installationId: '7f3a',
  });
  await isAlarm(other.flush(), 1, /another key/);
  await other.stop();
});

test('damage to the copy outside is not covered up', async () => {
  const sequencer = log.sequencer();
  await log.write('a', 'b', 'c');
  await sequencer.flush();
  await sequencer.stop();
  const leaves = join(log.dataFolder, 'audit', 'leaves');
  const whole = await readFile(leaves);
  await truncate(leaves, HASH_BYTES);
  await startsWithAlarm(1, /was cut at 1 of 3/);
  assert.equal((await log.verify()).badIndex, 1);
  await writeFile(leaves, whole.with(HASH_BYTES + 3, (whole[HASH_BYTES + 3] ?? 0) ^ 1));
  await startsWithAlarm(0, /does not fit its own checkpoint/);
  assert.equal((await log.verify()).badIndex, 1);
});

function silent() {
  return { error: () => undefined, warn: () => undefined } as never;
}

/** What somebody does who holds the database: one entry replaced, every hash after it made to fit. */
async function rewrite(index: number, name: string): Promise<void> {
  const rows = await log.db
    .selectFrom('audit_entries')
    .select(['seq', 'index', 'leaf'])
    .where('index', 'is not', null)
    .orderBy('index')
    .execute();
  const tree = new CompactRange();
  let chain: Buffer = Buffer.alloc(0);
  for (const row of rows) {
    const leaf = row.index === index ? row.leaf.replace(/"name":"\w+"\}/, `"name":"${name}"}`) : row.leaf;
    assert.equal(leaf === row.leaf, row.index !== index);
    const hash = leafHash(leaf);
    chain = chainHash(chain, hash);
    tree.append(hash);
    await log.db
      .updateTable('audit_entries')
      .set({ leaf, leaf_hash: hash, chain })
      .where('seq', '=', row.seq)
      .execute();
  }
  await log.db
    .updateTable('audit_tree')
    .set({ frontier: [...tree.nodes], chain })
    .execute();
}
