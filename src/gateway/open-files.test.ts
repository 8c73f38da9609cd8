import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { connectionsWithin, openFileLimit } from './open-files.ts';

const WANTED = { postgres: 12_000, ssh: 2_000 };

test('what fits is wanted whole; otherwise both gateways get less, and the rest keeps its files', () => {
  assert.deepEqual(connectionsWithin(1_000_000, WANTED).connections, WANTED);
  assert.deepEqual(connectionsWithin(null, WANTED).connections, WANTED);
  const { connections, neededFiles } = connectionsWithin(20_000, WANTED);
  assert.equal(neededFiles, 43_000);
  assert.deepEqual(connections, { postgres: 5_428, ssh: 904 });
  assert.ok((connections.postgres + connections.ssh) * 3 <= 19_000);
  assert.deepEqual(connectionsWithin(256, WANTED).connections, { postgres: 10, ssh: 10 });
});

test('the limit is the one that the process has', {
  skip: process.platform !== 'linux' && 'only Linux says it',
}, () => {
  assert.equal(
    String(openFileLimit() ?? 'unlimited'),
    execFileSync('/bin/sh', ['-c', 'ulimit -Sn']).toString().trim(),
  );
});
