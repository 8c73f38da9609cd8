// Signed notes against the published example of the format (Go's sumdb/note), so that other tools read ours.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkpointText,
  noteSigner,
  openNote,
  parseCheckpoint,
  parseVerifierKey,
  signNote,
  splitNotes,
  verifierKeyText,
} from './note.ts';
import { leafHash } from './tree.ts';

const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SEED = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1);
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), SEED]);
const published = noteSigner('PeterNeumann', createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
const ours = noteSigner('sallyport/7f3a', generateKeyPairSync('ed25519').privateKey);

test('the published example opens, and the same key makes the same note', () => {
  assert.equal(openNote(NOTE, parseVerifierKey(VKEY)), TEXT);
  assert.equal(verifierKeyText(published), VKEY);
  assert.equal(signNote(TEXT, published), NOTE);
});

test('a note that differs in any character does not open', () => {
  const verifier = parseVerifierKey(VKEY);
  fc.assert(
    fc.property(fc.nat(NOTE.length - 1), fc.constantFrom('A', '\n', ' ', '—', ''), (at, other) => {
      const changed = NOTE.slice(0, at) + other + NOTE.slice(at + 1);
      if (changed !== NOTE) assert.notEqual(openNote(changed, verifier), TEXT);
      if (changed !== NOTE) assert.equal(openNote(changed, verifier), null);
    }),
    { numRuns: 500 },
  );
});

test('signatures of others are passed over, and do not count as ours', () => {
  const both = `${NOTE}${signNote(TEXT, ours).split('\n\n')[1]}`;
  assert.equal(openNote(both, published), TEXT);
  assert.equal(openNote(both, ours), TEXT);
  assert.equal(openNote(NOTE, ours), null);
});

test('keys that are none are refused with a reason', () => {
  for (const text of [
    '',
    'x',
    `${VKEY}A`,
    VKEY.replace('c74f20a3', 'c74f20a4'),
    VKEY.replace('Peter', 'Paul'),
  ]) {
    assert.throws(() => parseVerifierKey(text), /log key/);
  }
});

test('a checkpoint says what it was made from, and nothing else parses as one', () => {
  const body = { origin: 'sallyport/7f3a', size: 123_456, root: leafHash('x') };
  assert.deepEqual(parseCheckpoint(checkpointText(body)), body);
  assert.deepEqual(parseCheckpoint(signNote(checkpointText(body), ours)), body);
  const root = body.root.toString('base64');
  for (const text of [
    '',
    'a\n1\n',
    `a\n01\n${root}\n`,
    `a\n-1\n${root}\n`,
    `a\n1\n${root}A\n`,
    `a\n1e3\n${root}\n`,
    `\n1\n${root}\n`,
  ]) {
    assert.equal(parseCheckpoint(text), null, JSON.stringify(text));
  }
});

test('a file of notes falls apart into them', () => {
  const other = signNote('sallyport/7f3a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n', ours);
  assert.deepEqual(splitNotes(`${NOTE}\n${other}\n`), [NOTE, other]);
  assert.deepEqual(splitNotes(''), []);
});
