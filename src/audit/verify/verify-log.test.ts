// Every way in which a log can be changed is found, and the first changed entry is named.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EntryLine, EXPORT_FORMAT, linesOf } from './export-format.ts';
import { checkpointText, noteSigner, signNote, verifierKeyText } from './note.ts';
import { CompactRange, chainHash, leafHash } from './tree.ts';
import { type VerifyOptions, verifyLog } from './verify-log.ts';

const SIGNER = noteSigner('sallyport/7f3a', generateKeyPairSync('ed25519').privateKey);
const OTHER_KEY = noteSigner('sallyport/7f3a', generateKeyPairSync('ed25519').privateKey);
const VKEY = verifierKeyText(SIGNER);
const SIZE = 40;
/** Checkpoints cover 10, 20, 30 and all 40 entries. */
const SPACING = 10;

interface Made {
  entries: EntryLine[];
  notes: Map<number, string>;
}

function entriesOf(leaves: string[]): EntryLine[] {
  let chain: Buffer = Buffer.alloc(0);
  return leaves.map((leaf, index) => {
    const hash = leafHash(leaf);
    chain = chainHash(chain, hash);
    return { index, leafHash: hash.toString('hex'), chain: chain.toString('hex'), leaf };
  });
}

function notesOf(leaves: string[], signer = SIGNER): Map<number, string> {
  const tree = new CompactRange();
  const notes = new Map<number, string>();
  for (const leaf of leaves) {
    tree.append(leafHash(leaf));
    if (tree.size % SPACING !== 0 && tree.size !== leaves.length) continue;
    notes.set(
      tree.size,
      signNote(checkpointText({ origin: signer.name, size: tree.size, root: tree.root() }), signer),
    );
  }
  return notes;
}

const LEAVES = Array.from({ length: SIZE }, (_, at) => `{"kind":"grant.active","n":${at},"text":"\\"ü\\n"}`);
const GOOD: Made = { entries: entriesOf(LEAVES), notes: notesOf(LEAVES) };
const HASHES = Buffer.concat(LEAVES.map((leaf) => leafHash(leaf)));

function linesFor(made: Made, size = SIZE): string[] {
  const header = {
    format: EXPORT_FORMAT,
    origin: SIGNER.name,
    vkey: VKEY,
    size,
    exportedAt: '2026-11-22T00:00:00.000Z',
  };
  const lines = [JSON.stringify(header)];
  const notes = new Map(made.notes);
  for (const [at, entry] of made.entries.entries()) {
    lines.push(JSON.stringify(entry));
    const note = notes.get(at + 1);
    if (note === undefined) continue;
    lines.push(JSON.stringify({ checkpoint: note, from: 'both' }));
    notes.delete(at + 1);
  }
  for (const note of notes.values()) lines.push(JSON.stringify({ checkpoint: note, from: 'outside' }));
  const end = { outsideLeaves: SIZE, outsideCheckpoints: made.notes.size };
  return [...lines, JSON.stringify({ end })];
}

async function allOf(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

async function badIndexOf(lines: string[], options: VerifyOptions = {}): Promise<number | undefined> {
  const result = await verifyLog(lines, { trustedKey: VKEY, ...options });
  assert.equal(result.ok, false, 'the change was not found');
  assert.equal(typeof result.problem, 'string');
  return result.badIndex;
}

function changed(at: number, change: Partial<EntryLine>): Made {
  return {
    ...GOOD,
    entries: GOOD.entries.map((entry, index) => (index === at ? { ...entry, ...change } : entry)),
  };
}

test('a log as it was logged is right, and so is an empty one', async () => {
  const result = await verifyLog(linesFor(GOOD), {
    trustedKey: VKEY,
    keptLeafHashes: HASHES,
    keptCheckpoints: [...GOOD.notes.values()],
  });
  assert.equal(result.ok, true, result.problem);
  assert.equal(result.size, SIZE);
  assert.equal(result.checkpoint, GOOD.notes.get(SIZE));
  const empty = await verifyLog(
    linesFor({ entries: [], notes: new Map() }, 0).with(
      -1,
      '{"end":{"outsideLeaves":0,"outsideCheckpoints":0}}',
    ),
  );
  assert.equal(empty.ok, true, empty.problem);
});

test('one flipped character of any field of any entry is named', async () => {
  const field = fc.constantFrom('leaf', 'leafHash', 'chain' as const);
  await fc.assert(
    fc.asyncProperty(fc.nat(SIZE - 1), field, fc.nat(1000), async (at, name, seed) => {
      const text = GOOD.entries[at]?.[name as 'leaf'] ?? '';
      const place = seed % text.length;
      const other = text[place] === 'a' ? 'b' : 'a';
      const made = changed(at, { [name]: text.slice(0, place) + other + text.slice(place + 1) });
      assert.equal(await badIndexOf(linesFor(made)), at);
    }),
    { numRuns: 300 },
  );
});

test('a deleted entry is named, the last one too, also when its checkpoint went with it', async () => {
  for (const at of [0, 1, 17, SIZE - 2, SIZE - 1]) {
    const entries = GOOD.entries.toSpliced(at, 1);
    assert.equal(await badIndexOf(linesFor({ ...GOOD, entries })), at);
  }
  const notes = new Map([...GOOD.notes].filter(([size]) => size < SIZE));
  const entries = GOOD.entries.slice(0, -1);
  assert.equal(await badIndexOf(linesFor({ entries, notes })), SIZE - 1, 'the header knows');
  assert.equal(await badIndexOf(linesFor({ entries, notes }, SIZE - 1)), 30, 'nothing covers the rest');
  const shorter = { entries: GOOD.entries.slice(0, 30), notes };
  assert.equal(
    (await verifyLog(linesFor(shorter, 30).with(-1, '{"end":{"outsideLeaves":30,"outsideCheckpoints":3}}')))
      .ok,
    true,
    'what nobody can see offline',
  );
  assert.equal(
    await badIndexOf(linesFor(shorter, 30), { keptCheckpoints: [GOOD.notes.get(SIZE) ?? ''] }),
    30,
  );
  assert.equal(await badIndexOf(linesFor(shorter, 30), { keptLeafHashes: HASHES }), 30);
});

test('deleted entries with new indexes and hashes for the rest are found by the next checkpoint, or named by a copy', async () => {
  const leaves = LEAVES.toSpliced(23, 1);
  const made = { entries: entriesOf(leaves), notes: GOOD.notes };
  assert.equal(
    await badIndexOf(linesFor(made)),
    20,
    'the first of the span that the checkpoint for 30 covers',
  );
  assert.equal(await badIndexOf(linesFor(made), { keptLeafHashes: HASHES }), 23);
});

test('a swapped pair is named, whatever was swapped along', async () => {
  for (const at of [0, 12, SIZE - 2]) {
    const [a, b] = [GOOD.entries[at], GOOD.entries[at + 1]];
    assert.ok(a !== undefined && b !== undefined);
    const put = (first: EntryLine, second: EntryLine): Made => ({
      ...GOOD,
      entries: GOOD.entries.toSpliced(at, 2, first, second),
    });
    assert.equal(await badIndexOf(linesFor(put(b, a))), at, 'whole lines');
    assert.equal(
      await badIndexOf(linesFor(put({ ...b, index: at }, { ...a, index: at + 1 }))),
      at,
      'with indexes',
    );
    assert.equal(
      await badIndexOf(linesFor(put({ ...a, leaf: b.leaf }, { ...b, leaf: a.leaf }))),
      at,
      'texts only',
    );
    const withHashes = put(
      { ...a, leaf: b.leaf, leafHash: b.leafHash },
      { ...b, leaf: a.leaf, leafHash: a.leafHash },
    );
    assert.equal(await badIndexOf(linesFor(withHashes)), at, 'texts and hashes');
    const leaves = LEAVES.toSpliced(at, 2, b.leaf, a.leaf);
    const rewritten = { entries: entriesOf(leaves), notes: GOOD.notes };
    assert.equal(
      await badIndexOf(linesFor(rewritten)),
      Math.floor(at / SPACING) * SPACING,
      'everything made to fit',
    );
    assert.equal(await badIndexOf(linesFor(rewritten), { keptLeafHashes: HASHES }), at);
    const stolenKey = { entries: entriesOf(leaves), notes: notesOf(leaves) };
    assert.equal(
      (await verifyLog(linesFor(stolenKey))).ok,
      true,
      'key and database together are only caught by copies',
    );
    assert.equal(await badIndexOf(linesFor(stolenKey), { keptLeafHashes: HASHES }), at);
    const first = await badIndexOf(linesFor(stolenKey), { keptCheckpoints: [...GOOD.notes.values()] });
    assert.equal(first, Math.floor(at / SPACING) * SPACING);
  }
});

test('the hash that the copy outside has is compared', async () => {
  const leaves = LEAVES.with(5, '{"kind":"nothing happened"}');
  const entries = entriesOf(leaves);
  const made = {
    notes: notesOf(leaves),
    entries: entries.map((entry, at) =>
      at === 5 ? { ...entry, keptLeafHash: GOOD.entries[5]?.leafHash ?? '' } : entry,
    ),
  };
  assert.equal(await badIndexOf(linesFor(made)), 5);
});

test('an older backup is named by a checkpoint outside that covers more', async () => {
  const restored = {
    entries: GOOD.entries.slice(0, 20),
    notes: new Map([...GOOD.notes].filter(([size]) => size !== 30)),
  };
  const result = await verifyLog(linesFor(restored, 20));
  assert.equal(result.badIndex, 20);
  assert.match(result.problem ?? '', /outside the database covers 40 entries.*older backup/);
});

test('forged checkpoints are named: another key, another log, a changed root', async () => {
  const forged = (note: string) => linesFor({ ...GOOD, notes: new Map(GOOD.notes).set(30, note) });
  assert.equal(await badIndexOf(forged(notesOf(LEAVES, OTHER_KEY).get(30) ?? '')), 20);
  const elsewhere = noteSigner('sallyport/other', SIGNER.privateKey);
  assert.equal(await badIndexOf(forged(notesOf(LEAVES, elsewhere).get(30) ?? '')), 20);
  assert.equal(await badIndexOf(forged((GOOD.notes.get(30) ?? '').replace('\n30\n', '\n31\n'))), 20);
  assert.equal(await badIndexOf(forged('no note at all')), 20);
  assert.equal(await badIndexOf(linesFor(GOOD), { trustedKey: verifierKeyText(OTHER_KEY) }), 0);
  assert.equal(await badIndexOf(linesFor(GOOD), { keptCheckpoints: ['never signed'] }), 0);
});

test('a cut export, a doubled line and a line that is none are named', async () => {
  const lines = linesFor(GOOD);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: lines.length - 1 }), async (at) => {
      const before = lines.slice(1, at).filter((line) => line.includes('"leaf"')).length;
      assert.equal(await badIndexOf(lines.slice(0, at)), before, 'cut');
      assert.equal(await badIndexOf(lines.with(at, (lines[at] ?? '').slice(0, -1))), before, 'broken');
      if (lines[at]?.includes('"leaf"'))
        assert.equal(await badIndexOf(lines.toSpliced(at, 0, lines[at])), before + 1, 'doubled');
      assert.equal(await badIndexOf(lines.toSpliced(at, 0, '{"leaf":1}')), before, 'foreign');
    }),
  );
  assert.equal(await badIndexOf([...lines, lines[1] ?? '']), SIZE);
  assert.equal(await badIndexOf([]), 0);
  assert.equal(await badIndexOf(lines.slice(1)), 0);
});

test('a store whose search columns hide an entry is named', async () => {
  assert.equal(await badIndexOf(linesFor(changed(9, { column: 'actor_id' }))), 9);
});

test('any changed line, anywhere, is found', async () => {
  const lines = linesFor(GOOD);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: lines.length - 2 }), fc.nat(100_000), async (at, seed) => {
      const line = lines[at] ?? '';
      const place = seed % line.length;
      const other = line[place] === '0' ? '1' : '0';
      const text = line.slice(0, place) + other + line.slice(place + 1);
      const inFrom = line.startsWith('{"checkpoint"') && place >= line.lastIndexOf('"from"');
      if (!inFrom) await badIndexOf(lines.with(at, text));
    }),
    { numRuns: 500 },
  );
});

test('lines are the same however the text is cut into pieces', async () => {
  const text = linesFor(GOOD)
    .map((line) => `${line}\n`)
    .join('');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5000 }), async (length) => {
      const pieces = Array.from({ length: Math.ceil(text.length / length) }, (_, at) =>
        text.slice(at * length, (at + 1) * length),
      );
      assert.deepEqual(await allOf(linesOf(pieces)), linesFor(GOOD));
      const bytes = Buffer.from(text);
      const cut = Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
        bytes.subarray(at * length, (at + 1) * length),
      );
      assert.deepEqual(await allOf(linesOf(cut)), linesFor(GOOD));
    }),
    { numRuns: 30 },
  );
  await assert.rejects(allOf(linesOf(['x'.repeat(500_000)])), RangeError);
});
