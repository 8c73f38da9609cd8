// `sally audit`: the CLI finds a changed log by itself, also when the server says that all is well, and remembers
// what it saw so that a server that was set back is noticed.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  createSally,
  type FixtureServer,
  problemAnswer,
  type Sally,
  startFixtureServer,
  TOKEN,
} from '../../../test/harness/cli.ts';
import { EXPORT_FORMAT } from '../../audit/verify/export-format.ts';
import { checkpointText, noteSigner, signNote, verifierKeyText } from '../../audit/verify/note.ts';
import { CompactRange, chainHash, leafHash } from '../../audit/verify/tree.ts';

let server: FixtureServer;
let sally: Sally;
before(async () => {
  server = await startFixtureServer();
});
after(() => server.close());
beforeEach((context) => {
  sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
  if ('after' in context) context.after(() => sally.remove());
});

const { privateKey } = generateKeyPairSync('ed25519');
const SIGNER = noteSigner('sallyport/test', privateKey);

/** The export of a log with these entries, as the server writes it. */
function exported(names: string[], signer = SIGNER): string[] {
  const tree = new CompactRange();
  let chain: Buffer = Buffer.alloc(0);
  const lines: object[] = [
    {
      format: EXPORT_FORMAT,
      origin: signer.name,
      vkey: verifierKeyText(signer),
      size: names.length,
      exportedAt: '2026-11-02T12:00:00.000Z',
    },
  ];
  for (const [index, name] of names.entries()) {
    const leaf = JSON.stringify({
      actor: { id: 'x', kind: 'person', name: 'x' },
      at: '2026-11-02T12:00:00.000Z',
      detail: { name },
      kind: 'test',
      v: 1,
    });
    const hash = leafHash(leaf);
    chain = chainHash(chain, hash);
    tree.append(hash);
    lines.push({ index, leafHash: hash.toString('hex'), chain: chain.toString('hex'), leaf });
  }
  const body = { origin: signer.name, size: names.length, root: tree.root() };
  lines.push({ checkpoint: signNote(checkpointText(body), signer), from: 'both' });
  lines.push({ end: { outsideLeaves: names.length, outsideCheckpoints: 1 } });
  return lines.map((line) => `${JSON.stringify(line)}\n`);
}

function serve(lines: string[]): void {
  server.on('GET /api/audit/export', () => ({ raw: lines.join('') }));
}

test('a whole log: exit 0 and {ok, size, root}', async () => {
  serve(exported(['a', 'b', 'c']));
  const ended = await sally.run(['audit', 'verify', '--json']);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stderr, '');
  const told = JSON.parse(ended.stdout);
  assert.deepEqual(Object.keys(told), ['ok', 'size', 'root']);
  assert.equal(told.size, 3);
});

test('a changed, a missing and a swapped entry: exit 1, the index on stderr and in the JSON', async () => {
  const changed = exported(['a', 'b', 'c']);
  changed[2] = (changed[2] ?? '').replace('\\"b\\"', '\\"x\\"');
  const missing = exported(['a', 'b', 'c']);
  missing.splice(3, 1);
  const swapped = exported(['a', 'b', 'c']);
  [swapped[1], swapped[2]] = [swapped[2] ?? '', swapped[1] ?? ''];
  for (const [lines, index] of [
    [changed, 1],
    [missing, 2],
    [swapped, 0],
  ] as const) {
    serve(lines);
    const ended = await sally.run(['audit', 'verify', '--json']);
    assert.equal(ended.code, 1);
    assert.equal(JSON.parse(ended.stdout).ok, false);
    assert.equal(JSON.parse(ended.stdout).badIndex, index);
    assert.match(ended.stderr, new RegExp(`first bad index ${index}\\b`));
  }
});

test('a server that was set back to an older backup is noticed by this machine', async () => {
  serve(exported(['a', 'b', 'c']));
  assert.equal((await sally.run(['audit', 'verify'])).code, 0);
  const kept = join(
    sally.home,
    '.local',
    'state',
    'sallyport',
    `checkpoints-${server.url.replace(/[^a-z0-9.-]+/gi, '_')}`,
  );
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  serve(exported(['a', 'b']));
  const back = await sally.run(['audit', 'verify', '--json']);
  assert.equal(back.code, 1);
  assert.equal(JSON.parse(back.stdout).badIndex, 2);
  serve(exported(['a', 'x', 'c', 'd']));
  assert.equal((await sally.run(['audit', 'verify'])).code, 1, 'rewritten and signed again');
  serve(exported(['a', 'b', 'c', 'd']));
  assert.equal((await sally.run(['audit', 'verify'])).code, 0, 'it only grew');
});

test('another log in its place is told; a new key under the same name is refused', async () => {
  serve(exported(['a']));
  await sally.run(['audit', 'verify']);
  const other = noteSigner('sallyport/test', generateKeyPairSync('ed25519').privateKey);
  serve(exported(['a'], other));
  assert.equal((await sally.run(['audit', 'verify'])).code, 1);
  serve(exported(['a'], noteSigner('sallyport/fresh', generateKeyPairSync('ed25519').privateKey)));
  const fresh = await sally.run(['audit', 'verify', '--json']);
  assert.equal(fresh.code, 0);
  assert.match(JSON.parse(fresh.stdout).warning, /another log/);
});

test('export writes one private file that verifies offline with the server gone', async () => {
  serve(exported(['a', 'b']));
  const ended = await sally.run(['audit', 'export', 'log.ndjson', '--json']);
  assert.equal(ended.code, 0, ended.stderr);
  const file = join(sally.home, 'log.ndjson');
  assert.equal(readFileSync(file, 'utf8'), exported(['a', 'b']).join(''));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await sally.run(['audit', 'export', 'log.ndjson'])).code, 2, 'it is there already');
  const env = { SALLY_SERVER: 'http://127.0.0.1:1', SALLY_TOKEN: '' };
  const offline = ['audit', 'verify', '--offline', 'log.ndjson', '--json'];
  assert.equal(JSON.parse((await sally.run(offline, { env })).stdout).size, 2);
  assert.equal((await sally.run([...offline, '--key', verifierKeyText(SIGNER)], { env })).code, 0);
  const stranger = noteSigner('sallyport/test', generateKeyPairSync('ed25519').privateKey);
  assert.equal((await sally.run([...offline, '--key', verifierKeyText(stranger)], { env })).code, 1);
  writeFileSync(file, readFileSync(file, 'utf8').replace('\\"a\\"', '\\"x\\"'));
  const flipped = await sally.run(offline, { env });
  assert.equal(flipped.code, 1);
  assert.equal(JSON.parse(flipped.stdout).badIndex, 0);
  assert.equal((await sally.run(['audit', 'verify', '--offline', 'nowhere'], { env })).code, 2);
});

test('an export that fails leaves no file behind', async () => {
  server.on('GET /api/audit/export', () => problemAnswer(403, 'may-not', 'You may not read the log.'));
  assert.equal((await sally.run(['audit', 'export', 'log.ndjson'])).code, 4);
  assert.equal(existsSync(join(sally.home, 'log.ndjson')), false);
});
