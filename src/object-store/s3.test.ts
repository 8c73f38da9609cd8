// The client against a real S3 server, straight and over a road that breaks: what is there afterwards is whole or is not
// there, what goes wrong is said in words that name the place and no secret.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { openS3Road, type S3Road, type S3Server, startS3Server } from '../../test/harness/s3-server.ts';
import { skipWithout } from '../../test/harness/services.ts';
import { Secret } from '../base/secret.ts';
import { createS3, type ObjectStore } from './s3.ts';
import { StoreFailure } from './store-failure.ts';

const MIB = 1024 * 1024;
const LIMITS = { partBytes: 5 * MIB, requestMs: 30_000 };

describe('a bucket', { skip: skipWithout('s3') }, () => {
  let server: S3Server;
  let road: S3Road;
  let folder: string;
  let store: ObjectStore;
  let count = 0;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-s3-test-'));
    server = await startS3Server();
    road = await openS3Road(server.endpoint);
    store = connect();
  });
  afterEach(() => {
    road.rule = () => 'pass';
    road.seen = [];
  });
  after(async () => {
    await road.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function connect(
    change: { endpoint?: string; bucket?: string; secretKey?: string; accessKey?: string } = {},
    limits = LIMITS,
  ): ObjectStore {
    return createS3(
      {
        endpoint: change.endpoint ?? road.endpoint,
        bucket: change.bucket ?? server.bucket,
        region: server.region,
        accessKey: new Secret(change.accessKey ?? server.accessKey),
        secretKey: new Secret(change.secretKey ?? server.secretKey),
      },
      limits,
    );
  }

  /** A new file and its key. */
  function file(bytes: number): { path: string; key: string; body: Buffer } {
    count++;
    const body = randomBytes(bytes);
    const path = join(folder, `file-${count}`);
    writeFileSync(path, body);
    return { path, key: `eu/2026/11/file-${count}.sprec`, body };
  }

  const signal = () => AbortSignal.timeout(60_000);
  const at = (key: string) => ({ bucket: server.bucket, key });

  async function read(key: string): Promise<Buffer | null> {
    const found = await connect({ endpoint: server.endpoint }).get(at(key), signal());
    return found === null ? null : Buffer.from(await new Response(found.body).arrayBuffer());
  }

  async function refusal(act: Promise<unknown>): Promise<StoreFailure> {
    const error = await act.then(
      () => assert.fail('it went well'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof StoreFailure, String(error));
    assert.equal(JSON.stringify([error.message, String(error.cause)]).includes(server.secretKey), false);
    return error;
  }

  const puts = () => road.seen.filter((line) => /^(PUT|POST)/.test(line)).length;

  test('takes a small file whole and a large one in parts, once', async () => {
    for (const bytes of [1, 70_000, 5 * MIB, 5 * MIB + 1, 12 * MIB]) {
      road.seen = [];
      const { path, key, body } = file(bytes);
      await store.put(key, path, signal());
      assert.ok((await read(key))?.equals(body), `${bytes} bytes`);
      assert.equal(puts(), bytes > 5 * MIB ? 2 + Math.ceil(bytes / LIMITS.partBytes) : 1);
      road.seen = [];
      await store.put(key, path, signal());
      assert.equal(puts(), 0, 'what is there is not sent again');
    }
  });

  test('other bytes under its name are replaced, and are not taken for it', async () => {
    const { path, key, body } = file(70_000);
    await store.put(key, path, signal());
    writeFileSync(server.file(key), randomBytes(69_000));
    await store.put(key, path, signal());
    assert.ok((await read(key))?.equals(body));
  });

  test('a wrong key, a wrong bucket, a wrong region are told apart, without the secret', async () => {
    const { path, key } = file(10);
    const wrong = await refusal(connect({ secretKey: 'wrong' }).remove(at(key), signal()));
    assert.equal(wrong.trouble, 'refused');
    assert.match(wrong.message, /does not take our signature: look at secretKey, and at region/);
    const unknown = await refusal(connect({ accessKey: 'nobody' }).remove(at(key), signal()));
    assert.match(unknown.message, /does not know our key: look at accessKey/);
    const nowhere = await refusal(connect({ bucket: 'no-such-bucket' }).put(key, path, signal()));
    assert.match(nowhere.message, /there is no such bucket/);
    // HEAD has no body that could say why.
    const head = await refusal(connect({ secretKey: 'wrong' }).put(key, path, signal()));
    assert.equal(head.trouble, 'refused');
  });

  test('away: not there, cut, 500, 503, too slow', async () => {
    const { path, key, body } = file(70_000);
    await server.kill();
    const gone = await refusal(connect({ endpoint: server.endpoint }).put(key, path, signal()));
    assert.equal(gone.trouble, 'away');
    assert.match(gone.message, /does not answer: ECONNREFUSED/);
    await server.start();
    for (const what of ['cut', { status: 500 }, { status: 503 }] as const) {
      road.rule = (line) => (line.startsWith('PUT') ? what : 'pass');
      assert.equal((await refusal(store.put(key, path, signal()))).trouble, 'away', JSON.stringify(what));
      assert.equal(await read(key), null);
    }
    road.rule = () => ({ slowMs: 20_000 });
    const slow = await refusal(connect({}, { ...LIMITS, requestMs: 500 }).put(key, path, signal()));
    assert.match(slow.message, /no answer within 0.5 s/);
    road.rule = () => 'pass';
    await store.put(key, path, signal());
    assert.ok((await read(key))?.equals(body));
  });

  test('an answer that is lost, or half, is no success; the next try finds what is there', async () => {
    const { path, key, body } = file(70_000);
    road.rule = (line) => (line.startsWith('PUT') ? 'lost' : 'pass');
    assert.equal((await refusal(store.put(key, path, signal()))).trouble, 'away');
    road.rule = () => 'pass';
    road.seen = [];
    await store.put(key, path, signal());
    assert.equal(puts(), 0);
    assert.ok((await read(key))?.equals(body));
    road.rule = (line) => (line.startsWith('GET') ? 'half' : 'pass');
    const found = await store.get(at(key), signal());
    assert.equal(found?.bytes, body.length);
    await assert.rejects(new Response(found?.body).arrayBuffer());
  });

  test('parts that were interrupted are cleared away, and the object is whole', async () => {
    const { path, key, body } = file(12 * MIB);
    road.rule = (line) => (line.includes('partNumber=2') ? 'cut' : 'pass');
    await refusal(store.put(key, path, signal()));
    road.rule = (line) => (line.startsWith('POST') && line.includes('uploadId=') ? { status: 500 } : 'pass');
    await refusal(store.put(key, path, signal()));
    assert.equal(await read(key), null, 'no part is ever taken for the whole');
    assert.equal(await uploads(key), 1, 'the first was aborted by the second');
    road.rule = () => 'pass';
    await store.put(key, path, signal());
    assert.ok((await read(key))?.equals(body));
    assert.equal(await uploads(key), 0);
  });

  /** As the server lists them, seen on the road. */
  async function uploads(key: string): Promise<number> {
    const { AwsClient } = await import('aws4fetch');
    const client = new AwsClient({
      ...{ accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
      ...{ service: 's3', region: server.region },
    });
    const answer = await client.fetch(
      `${server.endpoint}/${server.bucket}/?uploads=&prefix=${encodeURIComponent(key)}`,
    );
    return (await answer.text()).split('<Upload>').length - 1;
  }

  test('a store that says 200 and then that it failed has failed', async () => {
    const { path, key } = file(6 * MIB);
    road.rule = (line) =>
      line.startsWith('POST') && line.includes('uploadId=')
        ? { status: 200, body: '<Error><Code>InternalError</Code></Error>' }
        : 'pass';
    assert.equal((await refusal(store.put(key, path, signal()))).trouble, 'away');
    assert.equal(await read(key), null);
  });

  test('a store that keeps other bytes than it was given is not believed', async () => {
    const { path, key } = file(70_000);
    let heads = 0;
    road.rule = (line) => {
      if (line.startsWith('HEAD') && ++heads === 2) writeFileSync(server.file(key), randomBytes(100));
      return 'pass';
    };
    const altered = await refusal(store.put(key, path, signal()));
    assert.equal(altered.trouble, 'altered');
  });

  test('what is removed is gone, with what was left of uploads; twice is once', async () => {
    const { path, key } = file(12 * MIB);
    await store.put(key, path, signal());
    await store.remove(at(key), signal());
    assert.equal(existsSync(server.file(key)), false);
    assert.equal(await read(key), null);
    await store.remove(at(key), signal());
    road.rule = (line) => (line.includes('partNumber=2') ? 'cut' : 'pass');
    await refusal(store.put(key, path, signal()));
    road.rule = () => 'pass';
    await store.remove(at(key), signal());
    assert.equal(await uploads(key), 0);
  });

  test('the body is signed: what is changed on the way is refused', async () => {
    const { path, key } = file(70_000);
    road.change = (body) => {
      body[0] = (body[0] ?? 0) ^ 1;
    };
    const refused = await refusal(store.put(key, path, signal()));
    road.change = null;
    assert.match(refused.message, /XAmzContentSHA256Mismatch|BadDigest|status 400/);
    assert.equal(await read(key), null);
  });
});
