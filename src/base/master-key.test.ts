// The file of the master key, as a change of keys and a crash in its middle leave it.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadMasterKey, newMasterKey } from './master-key.ts';
import { Secret } from './secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-master-key-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const linesOf = (path: string) => readFileSync(path, 'utf8').trim().split('\n');

test('a second change that begins before the key before the first is forgotten leaves a file that can be read', () => {
  const path = join(folder, 'twice.key');
  const ring = loadMasterKey(path, true);
  const sealed = ring.seal(new Secret('canary'), 'a test');
  for (const next of [newMasterKey(), newMasterKey()]) {
    ring.hold(next.text);
    assert.equal(loadMasterKey(path, false).open(sealed, 'a test').reveal(), 'canary');
    ring.sealWith(next.key.check);
    assert.equal(loadMasterKey(path, false).check, next.key.check);
  }
  assert.equal(linesOf(path).length, 3);
  ring.forgetOthers();
  assert.deepEqual(loadMasterKey(path, false).checks(), ring.checks());
  assert.equal(linesOf(path).length, 1);
});

test('a file that holds no keys, or too many, is refused, and says what it has', () => {
  const path = join(folder, 'broken.key');
  const key = () => newMasterKey().text.reveal();
  for (const [text, said] of [
    ['', /does not hold a master key of 32 bytes/],
    ['c2hvcnQ=\n', /does not hold a master key of 32 bytes/],
    [`${Array.from({ length: 5 }, key).join('\n')}\n`, /has 5 lines; it may hold 4 keys at most/],
  ] as const) {
    writeFileSync(path, text, { mode: 0o600 });
    assert.throws(() => loadMasterKey(path, false), said);
  }
});
