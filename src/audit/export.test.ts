// What somebody may do to the stored log with SQL, and to the copy outside with an editor: each is found from the
// export alone, and the first entry that it concerns is named.

import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { sql } from 'kysely';
import { openTestLog, type TestLog } from '../../test/harness/audit-log.ts';
import { AuditAlarm } from './alarm.ts';
import { exportLog } from './export.ts';
import { type EntryLine, linesOf } from './verify/export-format.ts';
import { parseLeaf } from './verify/leaf.ts';
import { checkpointText, signNote, splitNotes, verifierKeyText } from './verify/note.ts';
import { leafHash } from './verify/tree.ts';
import { verifyLog } from './verify/verify-log.ts';

/** More than a page of the export, with checkpoints at uneven sizes. */
const SIZE = 2_300;
let log: TestLog;
let putBack: () => Promise<void>;
let kept: string;
let keptLeaves: Buffer;

before(async () => {
  log = await openTestLog();
  const sequencer = log.sequencer();
  for (let written = 0; written < SIZE; ) {
    const count = Math.min(SIZE - written, 1 + ((written * 7) % 90));
    await log.write(...Array.from({ length: count }, (_, at) => `entry-${written + at}`));
    await sequencer.flush();
    written += count;
  }
  await sequencer.stop();
  putBack = await log.backup();
  kept = await readFile(file('checkpoints'), 'utf8');
  keptLeaves = await readFile(file('leaves'));
});
after(() => log.close());
beforeEach(async () => {
  await putBack();
  await writeFile(file('checkpoints'), kept);
  await writeFile(file('leaves'), keptLeaves);
});

function file(name: string): string {
  return join(log.dataFolder, 'audit', name);
}

async function badIndex(): Promise<number | undefined> {
  const result = await log.verify();
  assert.equal(result.ok, false, 'the change was not found');
  assert.ok((result.problem ?? '').length > 10);
  return result.badIndex;
}

async function run(text: string): Promise<void> {
  const { numAffectedRows } = await sql.raw(text).execute(log.db);
  assert.ok(Number(numAffectedRows) > 0, 'the test changed nothing');
}

test('the whole log comes out in order and verifies offline with its key and kept checkpoints', async () => {
  const lines: string[] = [];
  for await (const line of linesOf(exportLog(log.db, { dataFolder: log.dataFolder, verifier: log.signer })))
    lines.push(line);
  const entries = lines.map((line) => JSON.parse(line)).filter((line): line is EntryLine => 'leaf' in line);
  assert.deepEqual(
    entries.map((entry) => parseLeaf(entry.leaf)?.detail.name),
    Array.from({ length: SIZE }, (_, at) => `entry-${at}`),
  );
  const checkpoints = lines.filter((line) => line.startsWith('{"checkpoint"'));
  assert.ok(checkpoints.length === Math.ceil(SIZE / 256), String(checkpoints.length));
  assert.ok(checkpoints.every((line) => line.endsWith('"from":"both"}')));
  const result = await verifyLog(lines, {
    trustedKey: verifierKeyText(log.signer),
    keptCheckpoints: splitNotes(kept),
    keptLeafHashes: keptLeaves,
  });
  assert.equal(result.ok, true, result.problem);
  assert.equal(result.size, SIZE);
  assert.deepEqual(result.outside, { leaves: SIZE, checkpoints: splitNotes(kept).length });
});

test('a flipped byte in a text, a hash or the chain', async () => {
  await run(`update audit_entries set leaf = replace(leaf, 'entry-1234', 'entry-1235') where index = 1234`);
  assert.equal(await badIndex(), 1234);
  await putBack();
  for (const column of ['leaf_hash', 'chain']) {
    await run(
      `update audit_entries set ${column} = set_byte(${column}, 7, get_byte(${column}, 7) # 1) where index = 77`,
    );
    assert.equal(await badIndex(), 77);
    await putBack();
    await run(`update audit_entries set ${column} = null where index = 78`);
    assert.equal(await badIndex(), 78);
    await putBack();
  }
});

test('a text whose hash was changed along', async () => {
  const row = await log.db
    .selectFrom('audit_entries')
    .select('leaf')
    .where('index', '=', 500)
    .executeTakeFirstOrThrow();
  const leaf = row.leaf.replace('anna', 'eve');
  await log.db
    .updateTable('audit_entries')
    .set({ leaf, leaf_hash: leafHash(leaf) })
    .where('index', '=', 500)
    .execute();
  assert.equal(await badIndex(), 500);
});

test('a deleted entry: the last, one in the middle, the first, and one whose index was taken away', async () => {
  for (const index of [SIZE - 1, 1000, 0]) {
    await run(`delete from audit_entries where index = ${index}`);
    assert.equal(await badIndex(), index);
    await putBack();
  }
  await run('update audit_entries set index = null where index = 9');
  assert.equal(await badIndex(), 9);
});

test('a cut end, with everything in the store that told of it', async () => {
  const newest = await log.db
    .selectFrom('audit_checkpoints')
    .select('size')
    .orderBy('size', 'desc')
    .offset(1)
    .limit(1)
    .executeTakeFirstOrThrow();
  await run(`delete from audit_entries where index >= ${newest.size}`);
  await run(`delete from audit_checkpoints where size > ${newest.size}`);
  await run(`update audit_tree set size = ${newest.size}`);
  assert.equal(await badIndex(), newest.size);
});

test('a swapped pair: by their indexes, by their texts, by everything but the chain', async () => {
  const swap = (columns: string[]) =>
    run(`update audit_entries a set ${columns.map((column) => `${column} = b.${column}`).join(', ')}
         from audit_entries b where a.index in (40, 41) and b.index = 81 - a.index`);
  await run('update audit_entries set index = index + 1000000 where index in (40, 41)');
  await run('update audit_entries set index = 81 - (index - 1000000) where index > 1000000');
  assert.equal(await badIndex(), 40);
  await putBack();
  for (const columns of [['leaf'], ['leaf', 'leaf_hash'], ['leaf', 'leaf_hash', 'chain']]) {
    await swap(columns);
    assert.equal(await badIndex(), 40);
    await putBack();
  }
});

test('search columns that say other than the entry', async () => {
  for (const [column, value] of [
    ['kind', "'x'"],
    ['actor_id', "'prn_eve'"],
    ['request_id', "'req_x'"],
    ['grant_id', "'grt_x'"],
    ['session_id', "'ses_x'"],
    ['target_id', "'tgt_x'"],
  ]) {
    await run(`update audit_entries set ${column} = ${value} where index = 12`);
    assert.equal(await badIndex(), 12, column);
    await putBack();
  }
});

test('a forged checkpoint in the store, and one in the file', async () => {
  const newest = await log.db
    .selectFrom('audit_checkpoints')
    .selectAll()
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow();
  const otherRoot = signNote(
    checkpointText({ origin: log.signer.name, size: newest.size, root: leafHash('x') }),
    log.signer,
  );
  const spoilt =
    newest.note.slice(0, -30) + (newest.note.at(-30) === 'A' ? 'B' : 'A') + newest.note.slice(-29);
  for (const note of [spoilt, `${newest.note.split('\n\n')[0]}\n`, 'nothing', otherRoot]) {
    await log.db.updateTable('audit_checkpoints').set({ note }).where('size', '=', newest.size).execute();
    const found = (await badIndex()) ?? 0;
    assert.ok(note === otherRoot ? found > SIZE - 500 && found < SIZE : found === SIZE - 1, `${found}`);
    await putBack();
  }
  await appendFile(
    file('checkpoints'),
    `${signNote(checkpointText({ origin: log.signer.name, size: SIZE + 5, root: leafHash('x') }), log.signer)}\n`,
  );
  assert.equal(await badIndex(), SIZE);
  await writeFile(file('checkpoints'), `${kept.slice(0, 500)}x\n\ny\n\n${kept.slice(500)}`);
  await badIndex();
});

test('a copy outside that differs or was cut', async () => {
  const changed = Buffer.from(keptLeaves);
  changed.writeUInt8((changed.readUInt8(32 * 321 + 4) ^ 1) & 255, 32 * 321 + 4);
  await writeFile(file('leaves'), changed);
  assert.equal(await badIndex(), 321);
  await writeFile(file('leaves'), keptLeaves.subarray(0, 32 * 100));
  assert.equal(await badIndex(), 100);
});

test('without the copy outside it is verified by the store alone, and says how little is kept', async () => {
  await rm(file('checkpoints'));
  await rm(file('leaves'));
  const result = await log.verify();
  assert.equal(result.ok, true, result.problem);
  assert.deepEqual(result.outside, { leaves: 0, checkpoints: 0 });
});

test('a log that has stopped with an alarm does not verify, even where all that is signed is right', async () => {
  const options = {
    dataFolder: log.dataFolder,
    verifier: log.signer,
    alarm: new AuditAlarm(SIZE + 3, 'an entry is gone'),
  };
  const result = await verifyLog(linesOf(exportLog(log.db, options)));
  assert.equal(result.ok, false);
  assert.equal(result.badIndex, SIZE + 3);
  assert.match(result.problem ?? '', /an entry is gone/);
});

test('an export that nobody wants any more stops', async () => {
  const abort = new AbortController();
  const lines = exportLog(log.db, { dataFolder: log.dataFolder, verifier: log.signer, signal: abort.signal });
  await lines.next();
  abort.abort();
  await assert.rejects(lines.next(), { name: 'AbortError' });
});
