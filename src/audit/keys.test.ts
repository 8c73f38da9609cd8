// The log's key: made once, kept private, and never silently replaced.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Failure } from '../base/errors.ts';
import { logKeyFile, openLogKey } from './keys.ts';
import { openNote, parseVerifierKey, signNote, verifierKeyText } from './verify/note.ts';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-test-key-'));
});
after(() => rm(folder, { recursive: true }));

test('the key is made once, private, and signs under the name of the log', async () => {
  const signer = await openLogKey(folder, '7f3a');
  assert.equal(signer.name, 'sallyport/7f3a');
  assert.equal((await stat(logKeyFile(folder))).mode & 0o777, 0o600);
  const again = await openLogKey(folder, '7f3a');
  assert.equal(verifierKeyText(again), verifierKeyText(signer));
  assert.equal(openNote(signNote('x\n', again), parseVerifierKey(verifierKeyText(signer))), 'x\n');
});

test('a key that others can read, or that is none, is refused and left alone', async () => {
  const file = logKeyFile(folder);
  const refused = (error: unknown) => error instanceof Failure && error.code === 'audit-key-unusable';
  await chmod(file, 0o640);
  await assert.rejects(openLogKey(folder, '7f3a'), refused);
  await chmod(file, 0o600);
  await writeFile(file, 'not a key');
  await assert.rejects(openLogKey(folder, '7f3a'), refused);
  assert.equal((await stat(file)).size, 'not a key'.length);
});

test('an id that cannot stand in a key name is refused', async () => {
  await assert.rejects(openLogKey(await mkdtemp(join(folder, 'other-')), 'a b'), Failure);
});
