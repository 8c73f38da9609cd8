// Recordings: what goes in comes out by pages, any change shows, a full disk and a dead process still leave a file
// that closes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readRecording } from './read-recording.ts';
import { readTerminal } from './read-terminal.ts';
import { createRecorder, type Recorded, type Recorder } from './recorder.ts';
import { CHUNKS_OFFSET, type Header } from './recording-format.ts';
import { recordingPath } from './recording-path.ts';
import { closeInterrupted } from './recover.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-recording-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const HEADER: Header = {
  version: 1,
  sessionId: 'ses_01jd00000000000000000000ab',
  grantId: 'grt_x',
  principal: { id: 'prn_x', name: 'engineer' },
  target: 'orders-db',
  task: 'read-orders',
  database: 'orders',
  clientAddress: '127.0.0.1',
  application: 'psql',
  gateway: 'gateway-1',
  startedAtMs: Date.UTC(2026, 0, 2),
};

let made = 0;
async function recorder(): Promise<Recorder> {
  return createRecorder(join(folder, `${made++}.sprec`), HEADER, {
    onPressure: () => undefined,
    onFailure: (error) => assert.fail(String(error)),
  });
}

function statement(index: number, more: Partial<Recorded> = {}): Recorded {
  return {
    index,
    offsetMs: index * 10,
    text: `select ${index}`,
    protocol: 'simple',
    refused: false,
    rows: index,
    bytes: index * 2,
    durationMs: 1.5,
    error: null,
    uses: [{ verb: 'select', object: 'orders' }],
    announced: false,
    ...more,
  };
}

async function closedWith(count: number): Promise<{ path: string; hash: string }> {
  const one = await recorder();
  for (let i = 0; i < count; i++) {
    one.add(statement(i));
    if (i % 50 === 49) one.flush([]);
  }
  const closed = await one.close('the client left', 5_000);
  return { path: one.path, hash: closed?.hash ?? '' };
}

describe('a recording', () => {
  test('comes out as it went in, by pages', async () => {
    const one = await recorder();
    one.add(statement(0, { text: "it's \u0000 ünïcode \ud83d\ude80" }));
    one.add(statement(1, { refused: true, durationMs: null, error: { sqlstate: '42501', message: 'no' } }));
    one.add(statement(2, { text: 'same', protocol: 'extended' }));
    one.add(
      statement(3, { text: 'same', protocol: 'copy', error: { sqlstate: '22012', message: 'division' } }),
    );
    one.flush([statement(4, { text: 'long running' })]);
    const live = await readRecording(one.path, { from: 0, limit: 100 });
    assert.equal(live.state, 'open');
    for (let i = 5; i < 500; i++) one.add(statement(i));
    one.flush([]);
    one.add(statement(4, { text: 'long running', announced: true, rows: 77 }));
    const closed = await one.close('the client left', 5_000);
    assert.equal(statSync(one.path).mode & 0o777, 0o600);

    const first = await readRecording(one.path, { from: 0, limit: 6 });
    assert.equal(first.state, 'closed');
    assert.equal(first.intact, true);
    assert.equal(first.hash, closed?.hash);
    assert.equal(first.next, 6);
    assert.equal(first.header?.sessionId, HEADER.sessionId);
    assert.deepEqual(first.statements[0], {
      index: 0,
      at: '2026-01-02T00:00:00.000Z',
      offsetMs: 0,
      text: "it's \u0000 ünïcode \ud83d\ude80",
      protocol: 'simple',
      verdict: 'passed',
      rows: 0,
      bytes: 0,
      durationMs: 1.5,
      error: null,
      exit: null,
      sha256: null,
    });
    assert.deepEqual(
      first.statements
        .map((s) => [s.text.slice(0, 12), s.verdict, s.rows, s.error?.sqlstate ?? null])
        .slice(1),
      [
        ['select 1', 'refused', 1, '42501'],
        ['same', 'passed', 2, null],
        ['same', 'passed', 3, '22012'],
        ['long running', 'passed', 77, null],
        ['select 5', 'passed', 5, null],
      ],
    );
    let from: number | null = 0;
    const seen: number[] = [];
    while (from !== null) {
      const page = await readRecording(one.path, { from, limit: 97 });
      seen.push(...page.statements.map((s) => s.index));
      from = page.next;
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 500 }, (_, i) => i),
    );
    assert.deepEqual(first.closing?.totals, {
      statements: 500,
      refused: 1,
      errors: 1,
      rowsRead: 0,
      bytesRead: 0,
      bytesWritten: 0,
      commands: 0,
      files: 0,
      connections: 0,
    });
    assert.deepEqual(first.closing?.uses, [
      {
        ...{ verb: 'select', object: 'orders', statements: 498, rows: first.closing?.uses[0]?.rows },
        ...{ bytes: 249_492, durationMs: 747, errors: 2 },
      },
    ]);
  });

  test('any byte that is changed shows', async () => {
    const { path } = await closedWith(200);
    const bytes = readFileSync(path);
    const used = [...Array(8).keys(), ...Array.from({ length: 120 }, (_, i) => 16 + i)];
    for (let at = CHUNKS_OFFSET; at < bytes.length; at += 3) used.push(at);
    for (const at of used) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      writeFileSync(path, changed);
      const page = await readRecording(path, { from: 0, limit: 10 });
      assert.equal(page.intact, false, `byte ${at} of ${bytes.length}`);
      assert.equal(page.state, 'broken');
      assert.ok(page.problem);
    }
  });

  test('what is cut off, added, or swapped shows', async () => {
    const { path } = await closedWith(200);
    const bytes = readFileSync(path);
    const broken = async (changed: Buffer) => {
      writeFileSync(path, changed);
      assert.equal((await readRecording(path, { from: 0, limit: 1 })).intact, false);
    };
    await broken(bytes.subarray(0, -1));
    await broken(bytes.subarray(0, CHUNKS_OFFSET));
    await broken(bytes.subarray(0, 10));
    await broken(Buffer.alloc(0));
    const other = readFileSync((await closedWith(120)).path);
    await broken(Buffer.concat([other.subarray(0, CHUNKS_OFFSET), bytes.subarray(CHUNKS_OFFSET)]));
    assert.equal(
      (await readRecording(join(folder, 'nothing.sprec'), { from: 0, limit: 1 })).state,
      'missing',
    );
  });

  test('of a process that died closes as interrupted, without what was half written', async () => {
    const one = await recorder();
    for (let i = 0; i < 100; i++)
      one.add(statement(i, i === 7 ? { refused: true, error: { sqlstate: '42501', message: 'no' } } : {}));
    one.flush([statement(100, { text: 'was running' })]);
    for (let i = 101; i < 150; i++) one.add(statement(i));
    one.flush([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    truncateSync(one.path, statSync(one.path).size - 5);
    const { closing, hash } = await closeInterrupted(one.path);
    assert.equal(closing.endReason, 'interrupted');
    assert.equal(closing.totals.statements, 101);
    assert.equal(closing.totals.refused, 1);
    const page = await readRecording(one.path, { from: 95, limit: 100 });
    assert.equal(page.state, 'closed');
    assert.equal(page.intact, true);
    assert.equal(page.hash, hash);
    assert.deepEqual(page.statements.at(-1), {
      ...page.statements.at(-1),
      index: 100,
      text: 'was running',
      durationMs: null,
    });
  });

  test('of a terminal is readable up to the last whole chunk when its process died', async () => {
    const one = await recorder();
    one.terminal(0, 0, 'r', '100x30');
    one.terminal(0, 10, 'o', 'whole');
    one.terminal(1, 12, 'o', 'of another');
    one.flush([]);
    one.terminal(0, 20, 'o', 'half written');
    one.flush([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    truncateSync(one.path, statSync(one.path).size - 5);
    const cast = await readTerminal(one.path, 0);
    assert.match(cast ?? '', /^\{"version":2,"width":100,"height":30,.*\}\n\[0\.01,"o","whole"\]\n$/);
    const { closing } = await closeInterrupted(one.path);
    assert.equal(closing.totals.statements, 0);
    assert.equal((await readRecording(one.path, { from: 0, limit: 10 })).intact, true);
    assert.equal(await readTerminal(one.path, 2), null);
  });

  test('is never written over another', async () => {
    const one = await recorder();
    await assert.rejects(
      createRecorder(one.path, HEADER, { onPressure: () => undefined, onFailure: () => undefined }),
      { code: 'EEXIST' },
    );
    await one.close('done', 1);
  });

  test('on a host counts programs, files and connections, tries left out; without an end it counts the same and what was open', async () => {
    const failed = { error: { sqlstate: 'failed', message: 'The host did not open it.' }, bytes: 0 };
    const begun = (index: number, protocol: Recorded['protocol'], text: string) => ({
      ...{ index, offsetMs: index, text, protocol },
    });
    const host = (
      index: number,
      protocol: Recorded['protocol'],
      text: string,
      more: Partial<Recorded> = {},
    ) => statement(index, { protocol, text, rows: 0, bytes: 5, uses: [], ...more });
    const write = async (): Promise<Recorder> => {
      const one = await recorder();
      one.flush([begun(0, 'exec', 'uptime'), begun(1, 'sftp', 'put /a'), begun(2, 'sftp', 'get /none')]);
      one.add(host(0, 'exec', 'uptime', { announced: true }));
      one.add(host(1, 'sftp', 'put /a', { announced: true }));
      one.add(host(2, 'sftp', 'get /none', { announced: true, ...failed }));
      one.add(host(3, 'exec', 'id', failed));
      one.add(host(4, 'exec', 'rm -rf /', { refused: true, durationMs: null, ...failed }));
      one.add(host(5, 'forward', 'db:5432'));
      one.add(host(6, 'forward', 'db:5433', failed));
      one.add(host(7, 'sftp', 'list /'));
      one.add(host(8, 'sftp', 'get /b'));
      one.flush([begun(9, 'shell', 'shell')]);
      return one;
    };
    const figures = ({ commands, files, connections }: Partial<Recorder['totals']>) => [
      commands,
      files,
      connections,
    ];
    const whole = await write();
    const closed = await whole.close('the client left', 100);
    assert.deepEqual(figures(closed?.closing.totals ?? {}), [2, 2, 1]);
    const lost = await write();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { closing } = await closeInterrupted(lost.path);
    assert.deepEqual(figures(closing.totals), [3, 2, 1], 'the shell that was open is one more');
  });

  test('tells its measures in the middle of a batch, each statement once, as names that a store takes', async () => {
    const one = await recorder();
    const failed = { error: { sqlstate: '42P01', message: 'no' } };
    const of = () =>
      one
        .uses()
        .map(({ verb, object, statements, rows, errors }) => [verb, object, statements, rows, errors]);
    one.add(statement(1));
    one.add(statement(2, failed));
    assert.deepEqual(of(), [['select', 'orders', 1, 1, 1]]);
    assert.deepEqual(of(), [['select', 'orders', 1, 1, 1]], 'asked again it is the same');
    one.add(statement(3));
    one.add(statement(4, { ...failed, uses: [{ verb: 'put', object: 'a\0b' }] }));
    one.flush([]);
    one.add(statement(5));
    const whole = [
      ['select', 'orders', 3, 9, 1],
      ['put', 'a\ufffdb', 0, 0, 1],
    ];
    assert.deepEqual(of(), whole);
    const long = `${'x'.repeat(130)}`;
    one.add(statement(6, { uses: [{ verb: 'get', object: `${long}1` }] }));
    one.add(statement(7, { uses: [{ verb: 'get', object: `${long}2` }] }));
    assert.deepEqual(of(), [...whole, ['get', long, 2, 13, 0]]);
    await one.close('done', 1);
  });

  test('lies where its session’s id says, and nowhere else', () => {
    assert.equal(
      recordingPath('ses_01jd00000000000000000000ab'),
      'recordings/2024/11/ses_01jd00000000000000000000ab.sprec',
    );
    for (const id of [
      '../../etc/passwd',
      'ses_../../x',
      'ses_01jd0000000000000000000/ab',
      'grt_01jd00000000000000000000ab',
      '',
    ]) {
      assert.throws(() => recordingPath(id), RangeError);
    }
  });
});

// A file system of its own that is really full; where this machine does not let us make one, the test says so.
const ownMounts = (() => {
  try {
    execFileSync(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', folder],
      { stdio: 'ignore' },
    );
    return false;
  } catch {
    return 'this machine allows no mount in a user namespace';
  }
})();

describe('a full disk', { skip: ownMounts }, () => {
  const script = `
    import { randomBytes } from 'node:crypto';
    import { writeFileSync } from 'node:fs';
    const { createRecorder } = await import(${JSON.stringify(join(import.meta.dirname, 'recorder.ts'))});
    const { readRecording } = await import(${JSON.stringify(join(import.meta.dirname, 'read-recording.ts'))});
    const failures = [];
    const pressure = [];
    const one = await createRecorder(process.argv[1] + '/one.sprec', ${JSON.stringify(HEADER)}, {
      onPressure: (on) => pressure.push(on),
      onFailure: (error) => failures.push(error.code),
    });
    const add = (i, text) => one.add({ index: i, offsetMs: i, text, protocol: 'simple', refused: false, rows: 1, bytes: 1,
      durationMs: 1, error: null, uses: [], announced: false });
    for (let i = 0; i < 20; i++) add(i, 'early ' + i);
    one.flush([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    try { writeFileSync(process.argv[1] + '/filler', Buffer.alloc(10_000_000)); } catch (error) { failures.push('filler ' + error.code); }
    for (let i = 20; i < 30; i++) add(i, 'late ' + i + ' ' + randomBytes(1000).toString('hex'));
    one.flush([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = await one.close('the recording failed', 100);
    const page = await readRecording(one.path, { from: 0, limit: 100 });
    console.log(JSON.stringify({ failures, hash: closed?.hash, state: page.state, intact: page.intact, problem: page.problem,
      same: page.hash === closed?.hash, texts: page.statements.map((s) => s.text) }));
  `;

  test('ends the session and still closes, with the last statements in the space that was kept', () => {
    const command = `mount -t tmpfs -o size=160k tmpfs "$1" && exec "$2" --input-type=module -e "$3" "$1"`;
    const output = execFileSync(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'sh', '-c', command, 'sh', folder, process.execPath, script],
      { encoding: 'utf8' },
    );
    const seen = JSON.parse(output);
    assert.deepEqual(seen.failures, ['filler ENOSPC', 'ENOSPC']);
    assert.equal(seen.state, 'closed');
    assert.equal(seen.intact, true);
    assert.equal(seen.same, true);
    assert.equal(seen.problem, null);
    assert.equal(seen.texts.length, 30);
    assert.match(seen.texts.at(-1), /^late 29 [0-9a-f]{2000}$/);
  });
});
