// Recordings in a bucket, on a real S3 server: closed ones are brought there, read from there by everybody as before, and
// go with their time. The store away, slow, lying; the program killed at each request on the way: nothing is lost, nothing
// is there twice, and nobody is shown what is not the recording. The secret key is a canary: it is nowhere.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { health } from '../../src/api/health.ts';
import { submitted } from '../../src/api/requests.ts';
import { session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { recordingPath } from '../../src/sessions/recording-path.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';
import { openS3Road, type S3Road, type S3Server, startS3Server } from '../harness/s3-server.ts';
import { skipWithout } from '../harness/services.ts';

const LIMIT_MS = 60_000;
const PREFIX = 'sallyport/eu/';

describe('recordings in a bucket', { skip: skipWithout('s3') }, () => {
  let folder: string;
  let server: S3Server;
  let road: S3Road;
  let sallyport: LeanSallyport;
  let store: pg.Client;
  let grantId = '';
  /** All that the program has said, over its crashes. */
  let said = '';
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-stored-'));
    server = await startS3Server();
    road = await openS3Road(server.endpoint);
    writeFileSync(join(folder, 'secret'), `${server.secretKey}\n`);
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `recordings: { store: s3, endpoint: '${road.endpoint}', bucket: ${server.bucket}, prefix: ${PREFIX}, region: ${server.region},
  accessKey: 'env:STORE_KEY', secretKey: 'file:${join(folder, 'secret')}' }\n`,
    );
    sallyport = await startLeanSallyport({
      env: {
        ...{ SALLY_CONFIG: join(folder, 'sallyport.yaml'), STORE_KEY: server.accessKey, SALLY_LOG: 'debug' },
      },
    });
    store = new pg.Client({ connectionString: sallyport.store.adminUrl });
    await store.connect();
    const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
      ...{ target: 'orders-db', task: 'read-orders', duration: '1h', reason: 'to be stored' },
    });
    grantId = asked.grant?.id ?? '';
  });
  afterEach(() => {
    road.rule = () => 'pass';
    road.seen = [];
  });
  after(async () => {
    await store?.end();
    await sallyport?.[Symbol.asyncDispose]();
    await road?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A session that has ended; its recording is closed, and brought to the bucket by itself. */
  async function work(statement = 'select count(*) from orders'): Promise<string> {
    const path = `/api/grants/${grantId}/credentials`;
    await store.query('delete from credentials where grant_id = $1', [grantId]);
    const { dsn } = await sallyport.ask('engineer', 'POST', path, issuedCredential);
    const client = new pg.Client({ connectionString: dsn });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(statement);
    const { items } = await sallyport.ask(
      'admin',
      'GET',
      `/api/sessions?grant=${grantId}&state=live`,
      pageOf(session),
    );
    await client.end();
    const id = items[0]?.id ?? '';
    await until(id, 'recording_hash is not null');
    return id;
  }

  /** Waits until that holds of its row, by the store itself: the program may be down. */
  async function until(id: string, condition: string): Promise<void> {
    const endsAt = Date.now() + LIMIT_MS;
    for (;;) {
      const { rows } = await store.query(
        `select ${condition} as holds, to_json(s) as row from sessions s where id = $1`,
        [id],
      );
      if (rows[0].holds === true) return;
      assert.ok(
        Date.now() < endsAt,
        `not within ${LIMIT_MS} ms: ${condition}: ${JSON.stringify(rows[0].row)}`,
      );
      await delay(100);
    }
  }

  const stored = (id: string) => until(id, 'recording_object is not null and file_gone_at is not null');
  const keyOf = (id: string) => `${PREFIX}${recordingPath(id).replace('recordings/', '')}`;
  const fileOf = (id: string) => join(sallyport.dataFolder, recordingPath(id));
  const detail = (id: string) => sallyport.ask('auditor', 'GET', `/api/sessions/${id}`, sessionDetail);
  const look = () => sallyport.ask('admin', 'GET', '/api/health', health);

  async function entries(id: string): Promise<string[]> {
    const { rows } = await store.query(
      `select kind from audit_entries where session_id = $1 and kind like 'recording.%' order by seq`,
      [id],
    );
    return rows.map(({ kind }) => kind);
  }

  async function trouble(what: RegExp): Promise<string> {
    const endsAt = Date.now() + LIMIT_MS;
    for (;;) {
      const told = JSON.stringify((await look()).troubles.filter(({ kind }) => kind === 'recordings'));
      if (what.test(told)) return told;
      assert.ok(Date.now() < endsAt, `not told within ${LIMIT_MS} ms: ${told}`);
      await delay(200);
    }
  }

  async function restart(): Promise<void> {
    said += sallyport.output();
    await sallyport.start();
  }

  test('a closed one is brought there, and read from there by everybody as before', async () => {
    const id = await work('select id from orders order by id limit 3');
    await stored(id);
    assert.equal(existsSync(fileOf(id)), false);
    assert.ok(statSync(server.file(keyOf(id))).size > 0);
    const shown = await detail(id);
    assert.deepEqual([shown.recording.state, shown.recording.intact], ['closed', true]);
    assert.deepEqual(
      shown.statementList.map(({ text, rows }) => [text, rows]),
      [['select id from orders order by id limit 3', 3]],
    );
    const cli = await sallyport.cli('auditor', 'session', id);
    assert.match(cli.stdout, /select id from orders/);
    assert.deepEqual(await entries(id), ['recording.stored']);
    const { rows } = await store.query('select recording_object from sessions where id = $1', [id]);
    assert.equal(rows[0].recording_object, `s3://${server.bucket}/${keyOf(id)}`);
    road.seen = [];
    await detail(id);
    assert.deepEqual(road.seen, [], 'a second page is read from what was fetched');
  });

  test('one that was tampered with is refused on reading, and told; so is one that is gone', async () => {
    const [altered, gone] = [await work(), await work()];
    await stored(altered);
    await stored(gone);
    const path = server.file(keyOf(altered));
    const bytes = readFileSync(path);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    rmSync(server.file(keyOf(gone)));
    const shown = await detail(altered);
    assert.deepEqual([shown.recording.state, shown.recording.intact], ['broken', false]);
    assert.match(shown.recording.problem ?? '', /is not the recording whose hash stands in the audit log/);
    assert.deepEqual(shown.statementList, []);
    const cast = await sallyport.call('auditor', 'GET', `/api/sessions/${altered}/terminals/0`);
    assert.equal(cast.status, 409);
    assert.equal((await detail(gone)).recording.state, 'missing');
    // Another one's whole recording under this name is none of this session.
    const other = await work();
    await stored(other);
    writeFileSync(path, readFileSync(server.file(keyOf(other))));
    assert.equal((await detail(altered)).recording.state, 'broken');
  });

  test('while the store is away recordings stay on the disk, health tells, and all go when it is back', async () => {
    await server.kill();
    const ids = [await work(), await work(), await work()];
    const told = await trouble(/3 recordings wait on .* for the store/);
    assert.match(told, /does not answer|cannot do it now/);
    assert.equal((await look()).storing?.recordings, 3);
    const metrics = await fetch(`${sallyport.server()}/metrics`).then((answer) => answer.text());
    assert.match(metrics, /^sallyport_recordings_waiting\{replica="[^"]+"\} 3$/m);
    for (const id of ids) assert.equal((await detail(id)).recording.intact, true, 'read from the disk');
    await server.start();
    for (const id of ids) await stored(id);
    assert.equal((await look()).storing?.recordings, 0);
    assert.deepEqual(await entries(ids[0] ?? ''), ['recording.stored']);
  });

  test('it answers 500, 503, nothing, or half: tried again until it is there', async () => {
    for (const what of [{ status: 500 }, { status: 503 }, 'cut', 'lost', 'half'] as const) {
      let bad = 2;
      road.rule = (line) => (/^(PUT|HEAD)/.test(line) && bad-- > 0 ? what : 'pass');
      const id = await work();
      await stored(id);
      assert.equal((await detail(id)).recording.intact, true, JSON.stringify(what));
    }
    const id = await work();
    await stored(id);
    road.rule = (line) => (line.startsWith('GET') ? 'half' : 'pass');
    const half = await detail(id);
    assert.deepEqual([half.recording.state, half.statementList], ['elsewhere', []]);
    assert.match(half.recording.problem ?? '', /did not arrive whole|of \d+ bytes/);
    assert.equal((await sallyport.call('auditor', 'GET', `/api/sessions/${id}/terminals/0`)).status, 503);
    road.rule = () => 'pass';
    assert.equal((await detail(id)).recording.intact, true);
  });

  test('a key that may not write is told as just that, and the file stays', async () => {
    road.rule = (line) =>
      line.startsWith('PUT') ? { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' } : 'pass';
    const id = await work();
    await trouble(/the key may not do that there/);
    assert.equal(existsSync(fileOf(id)), true);
    road.rule = () => 'pass';
    await stored(id);
  });

  test('a file that is not what the log says is not stored, and told by name', async () => {
    road.rule = () => ({ status: 503 });
    const id = await work();
    const whole = readFileSync(fileOf(id));
    const bytes = Buffer.from(whole);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    writeFileSync(fileOf(id), bytes);
    road.rule = () => 'pass';
    assert.match(await trouble(/cannot be stored: ses_/), new RegExp(id));
    assert.equal(existsSync(server.file(keyOf(id))), false);
    writeFileSync(fileOf(id), whole);
    await sallyport.stop();
    await restart();
    await stored(id);
  });

  test('killed at each request on the way and at each write after it: whole, once, and nothing left behind', async () => {
    const kill = (line: RegExp, when: 'before' | 'after') => {
      let died = false;
      road.rule = (seen) => {
        if (died || !line.test(seen)) return 'pass';
        died = true;
        if (when === 'before') {
          process.kill(sallyport.pid(), 'SIGKILL');
          return 'cut';
        }
        setTimeout(() => process.kill(sallyport.pid(), 'SIGKILL'), 0);
        return 'lost';
      };
    };
    const marked = 'store: insert audit_entries (recording.stored)';
    const ways: [string, () => void][] = [
      ...(['HEAD', 'PUT'] as const).flatMap((method): [string, () => void][] => [
        [`before ${method}`, () => kill(new RegExp(`^${method}`), 'before')],
        [`after ${method}`, () => kill(new RegExp(`^${method}`), 'after')],
      ]),
      ...(['before', 'after'] as const).map((when): [string, () => void] => [
        `${when} ${marked}`,
        () => sallyport.arm({ label: marked, occurrence: 1, when }),
      ]),
      ...(['before', 'after'] as const).map((when): [string, () => void] => [
        `${when} the commit`,
        () =>
          sallyport.arm({
            label: `store: commit of update sessions + insert audit_entries (recording.stored)`,
            occurrence: 1,
            when,
          }),
      ]),
    ];
    for (const [name, arm] of ways) {
      const ended = sallyport.ended();
      let held = true;
      road.rule = () => (held ? { status: 503 } : 'pass');
      const id = await work();
      held = false;
      arm();
      assert.notEqual(
        await Promise.race([ended.then(() => 'died'), delay(LIMIT_MS, 'lives', { ref: false })]),
        'lives',
        `it never died ${name}`,
      );
      road.rule = () => 'pass';
      await restart();
      await stored(id);
      assert.deepEqual(await entries(id), ['recording.stored'], name);
      assert.equal((await detail(id)).recording.intact, true, name);
      assert.equal(existsSync(fileOf(id)), false, name);
    }
    assert.equal((await look()).storing?.recordings, 0);
  });

  test('killed between the row and the file, the file goes at the next start', async () => {
    const id = await work();
    await stored(id);
    // As it is between the two.
    await sallyport.crash();
    writeFileSync(fileOf(id), readFileSync(server.file(keyOf(id))));
    await store.query('update sessions set file_gone_at = null where id = $1', [id]);
    await restart();
    await stored(id);
    assert.equal(existsSync(fileOf(id)), false);
  });

  test('a database that was restored, and has forgotten where it is, finds it again', async () => {
    const id = await work();
    await stored(id);
    await store.query(
      'update sessions set recording_object = null, recording_stored_at = null, file_gone_at = null where id = $1',
      [id],
    );
    await stored(id);
    assert.equal((await detail(id)).recording.intact, true);
  });

  test('retention deletes in the bucket too, and waits for a store that is away', async () => {
    const id = await work();
    await stored(id);
    await detail(id);
    await server.kill();
    await store.query(`update sessions set keep_s = 1 where id = $1`, [id]);
    await until(id, 'removed_at is not null');
    const cast = await sallyport.call('auditor', 'GET', `/api/sessions/${id}/terminals/0`);
    assert.equal(cast.status, 410);
    await server.start();
    await until(id, 'object_gone_at is not null');
    assert.equal(existsSync(server.file(keyOf(id))), false);
    assert.deepEqual(await entries(id), ['recording.stored', 'recording.removed']);
    const fetched = join(sallyport.dataFolder, 'recordings', 'fetched');
    assert.equal(
      readdirSync(fetched).some((name) => name.includes(id)),
      false,
    );
  });

  test('what lies outside the place that is configured is read, and never deleted', async () => {
    const id = await work();
    await stored(id);
    const elsewhere = `s3://${server.bucket}/another/${recordingPath(id).replace('recordings/', '')}`;
    const file = server.file(elsewhere.replace(`s3://${server.bucket}/`, ''));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, readFileSync(server.file(keyOf(id))));
    await store.query('update sessions set recording_object = $2, keep_s = 1 where id = $1', [id, elsewhere]);
    const other = await work();
    await stored(other);
    await store.query('update sessions set keep_s = 1 where id = $1', [other]);
    await until(other, 'object_gone_at is not null');
    assert.equal((await detail(id)).recording.intact, true);
    assert.equal((await detail(id)).kept.removedAt, null);
  });

  test('the log of all this verifies, and the key is nowhere', async () => {
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
    const exported = await sallyport.cli('auditor', 'audit', 'export');
    const answers = [
      await sallyport.call('admin', 'GET', '/api/health'),
      await sallyport.call('admin', 'GET', '/api/sessions?limit=100'),
    ];
    said += sallyport.output();
    assert.match(said, /recordings cannot be stored/, 'it said something to be looked at');
    for (const text of [said, exported.stdout, exported.stderr, JSON.stringify(answers)])
      assert.equal(text.includes(server.secretKey), false);
    const left = await store.query('select query_to_xml($1, true, true, $2) as all', [
      'select * from sessions',
      '',
    ]);
    assert.equal(String(left.rows[0].all).includes(server.secretKey), false);
  });
});
