import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createCancelKeys } from './cancel-keys.ts';

test('requests for keys that other gateways may have are passed on, so many from an address and in all', async () => {
  const asked: string[] = [];
  const keys = createCancelKeys({ cancel: (digest) => void asked.push(digest), onCancel: () => () => {} });
  const flood = async (address: string, times: number) => {
    const before = asked.length;
    for (let n = 0; n < times; n++) await keys.cancel(randomBytes(8), address);
    return asked.length - before;
  };
  assert.equal(await flood('192.0.2.1', 500), 20);
  assert.equal(await flood('192.0.2.2', 1), 1, 'one who floods keeps nobody out');
  let passed = 0;
  for (let n = 0; n < 100; n++) passed += await flood(`198.51.100.${n}`, 20);
  assert.equal(passed, 200 - 21);
  assert.equal(await flood('192.0.2.2', 1), 0);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  assert.equal(await flood('192.0.2.1', 500), 20, 'the next second');
  keys.close();
});
