import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../src/api/sessions.ts';
import { fileOf, groupEntries, hostCounts, withRunning } from './host-entry.ts';

const entry = (protocol: Statement['protocol'], text: string, more: Partial<Statement> = {}): Statement => ({
  ...{ index: 0, at: '2026-11-28T12:00:00.000Z', offsetMs: 0, text, protocol, verdict: 'passed', rows: 0 },
  ...{ bytes: 0, durationMs: 5, error: null, exit: null, sha256: null },
  ...more,
});

test('counts of a host in words', () => {
  assert.equal(hostCounts({ commands: 0, files: 0, connections: 0 }), '0 commands');
  assert.equal(hostCounts({ commands: 1, files: 2, connections: 0 }), '1 command, 2 files');
  assert.equal(hostCounts({ commands: 0, files: 0, connections: 1 }), '1 connection');
});

test('entries by what they are; opening SFTP is not one unless it was refused', () => {
  const refused = entry('sftp', 'sftp', { verdict: 'refused' });
  const entries = [
    entry('shell', 'shell'),
    entry('sftp', 'sftp'),
    refused,
    entry('sftp', 'get /a b'),
    entry('forward', 'db:5432'),
  ];
  const { commands, files, connections } = groupEntries(entries);
  assert.deepEqual([commands.length, files, connections.length], [1, [refused, entries[3]], 1]);
});

test('a file by its way and its whole path, whatever is in it', () => {
  assert.deepEqual(fileOf({ text: 'put /tmp/a b\nc' }), {
    way: 'To the host',
    path: '/tmp/a b\nc',
    moved: true,
  });
  assert.deepEqual(fileOf({ text: 'rename /a -> /b' }), { way: 'Renamed', path: '/a -> /b', moved: false });
  assert.equal(fileOf({ text: 'sftp' }), null);
});

test('what runs is counted beside what has ended', () => {
  const running = { durationMs: null };
  const entries = [
    entry('shell', 'shell', running),
    entry('exec', 'id'),
    entry('sftp', 'get /x', running),
    entry('sftp', 'list /x', running),
    entry('forward', 'db:5432', running),
  ];
  assert.deepEqual(withRunning({ commands: 1, files: 0, connections: 0 }, entries), {
    commands: 2,
    files: 1,
    connections: 1,
  });
});
