import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaf } from '../../src/api/audit.ts';
import { leafHash } from '../../src/audit/verify/tree.ts';
import { canonicalJson } from '../../src/base/canonical-json.ts';
import { leafHashOf } from './leaf-hash.ts';

test("the browser's hash is the log's hash, whatever the order of keys", async () => {
  const said = leaf.parse({
    v: 1,
    kind: 'request.submitted',
    at: '2026-11-22T10:00:00.000Z',
    actor: { name: 'engineer', kind: 'person', id: 'prn_1' },
    detail: { z: 1, a: ['ä', null, 0.5], reason: 'fix "4711"' },
  });
  assert.equal(await leafHashOf(said), leafHash(canonicalJson(said)).toString('hex'));
  assert.notEqual(await leafHashOf({ ...said, kind: 'request.denied' }), await leafHashOf(said));
});
