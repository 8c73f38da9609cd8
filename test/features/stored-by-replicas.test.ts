// Two replicas and one bucket: what was recorded through one is read on the other, also when the first is gone; what it had
// not stored waits for it, and the other one says so.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Health, health } from '../../src/api/health.ts';
import { type SessionDetail, session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { type Duo, type One, startDuo } from '../harness/duo.ts';
import { openS3Road, type S3Road, type S3Server, startS3Server } from '../harness/s3-server.ts';
import { skipWithout } from '../harness/services.ts';

const LIMIT_MS = 60_000;

describe('two replicas and a bucket', { skip: skipWithout('s3') }, () => {
  let folder: string;
  let server: S3Server;
  let road: S3Road;
  let duo: Duo;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-two-'));
    server = await startS3Server();
    road = await openS3Road(server.endpoint);
    const [accessKey, secretKey] = [join(folder, 'access'), join(folder, 'secret')];
    writeFileSync(accessKey, server.accessKey);
    writeFileSync(secretKey, server.secretKey);
    duo = await startDuo({
      more: {
        recordings: {
          ...{ store: 's3', endpoint: road.endpoint, bucket: server.bucket, region: server.region },
          ...{ accessKey: `file:${accessKey}`, secretKey: `file:${secretKey}` },
        },
      },
    });
  });
  after(async () => {
    await duo?.[Symbol.asyncDispose]();
    await road?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A session through the left one, over and recorded; its id. */
  async function work(): Promise<string> {
    const grant = await duo.grant(duo.a);
    const client = await duo.connect(duo.a, grant.id);
    await client.query('select count(*) from items');
    await client.end();
    const ended = `/api/sessions?grant=${grant.id}&state=ended`;
    const look = async () => pageOf(session).parse(await duo.ask(duo.a, 'GET', ended)).items[0];
    return (await until(look, (one) => one?.recordingHash != null))?.id ?? '';
  }

  async function until<T>(look: () => Promise<T>, done: (seen: T) => boolean): Promise<T> {
    const endsAt = Date.now() + LIMIT_MS;
    for (;;) {
      const seen = await look();
      if (done(seen)) return seen;
      assert.ok(Date.now() < endsAt, `not within ${LIMIT_MS} ms: ${JSON.stringify(seen)}`);
      await delay(200);
    }
  }

  const shown = async (one: One, id: string): Promise<SessionDetail> =>
    sessionDetail.parse(await duo.ask(one, 'GET', `/api/sessions/${id}`));
  const told = async (one: One): Promise<Health> => health.parse(await duo.ask(one, 'GET', '/api/health'));

  test('what was recorded through one is read on the other, also when the first is gone', async () => {
    const id = await work();
    const there = await until(
      () => shown(duo.b, id),
      ({ recording }) => recording.intact,
    );
    assert.deepEqual(
      there.statementList.map(({ text }) => text),
      ['select count(*) from items'],
    );
    await duo.kill(duo.a);
    assert.equal((await shown(duo.b, id)).recording.intact, true);
    await duo.start(duo.a);
  });

  test('what it had not stored waits for it, and the other one says so', async () => {
    road.rule = () => ({ status: 503 });
    const id = await work();
    await duo.kill(duo.a);
    road.rule = () => 'pass';
    const away = await shown(duo.b, id);
    assert.deepEqual([away.recording.state, away.statementList], ['elsewhere', []]);
    await duo.sql(`update sessions set ended_at = now() - interval '10 minutes' where id = '${id}'`, 'store');
    const { storing, troubles } = await told(duo.b);
    assert.equal(storing?.recordings, 1);
    assert.match(
      troubles.map(({ what, why }) => `${what} ${why}`).join('\n'),
      /1 recording waits on left for the store\. The log of left says why\./,
    );
    await duo.start(duo.a);
    await until(
      () => shown(duo.b, id),
      ({ recording }) => recording.intact,
    );
  });

  test('any replica removes what is over in the bucket', async () => {
    const id = await work();
    await until(
      () => shown(duo.b, id),
      ({ recording }) => recording.intact,
    );
    await duo.kill(duo.a);
    await duo.sql(`update sessions set keep_s = 1 where id = '${id}'`, 'store');
    const over = await until(
      () => shown(duo.b, id),
      ({ kept }) => kept.removedAt !== null,
    );
    assert.equal(over.recording.state, 'removed');
    await until(
      () => duo.sql(`select object_gone_at from sessions where id = '${id}'`, 'store'),
      ({ rows }) => rows[0].object_gone_at !== null,
    );
    const { rows } = await duo.sql(
      `select count(*)::int as count from audit_entries where session_id = '${id}' and kind = 'recording.removed'`,
      'store',
    );
    assert.equal(rows[0].count, 1);
    await duo.start(duo.a);
  });
});
