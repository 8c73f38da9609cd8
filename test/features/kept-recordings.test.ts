// How long recordings are kept: by policy, by the configuration where policy names nothing, never below its floor; fixed when
// the session opens. What is over is removed, once, with its entry, also when the program dies in between; what is held
// stays, and so does what no closing record stands for.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { type Session, type SessionDetail, session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { recordingPath } from '../../src/sessions/recording-path.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';
import { policiesInForce, publishPolicies } from '../harness/sallyport.ts';

const LIMIT_MS = 60_000;
const REASON = 'a question of a customer';

let folder: string;
let sallyport: LeanSallyport;
let store: pg.Client;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-kept-'));
  const file = join(folder, 'sallyport.yaml');
  writeFileSync(file, 'recordings: { keep: 30d, keepAtLeast: 2s }\n');
  sallyport = await startLeanSallyport({ env: { SALLY_CONFIG: file } });
  store = new pg.Client({ connectionString: sallyport.store.adminUrl });
  await store.connect();
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function keepBy(annotation: string): Promise<void> {
  const files = await policiesInForce(sallyport);
  await publishPolicies(sallyport, {
    ...files,
    'kept.cedar': `@id("kept") @maxDuration("1h") ${annotation}
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove"],
  resource in Segment::"prod/eu/orders") when { context.task == Task::"read-orders" };`,
  });
}

/** A session of the engineer's with one statement, ended unless `leave`. */
async function work(leave?: (client: pg.Client) => void): Promise<string> {
  const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    ...{ target: 'orders-db', task: 'read-orders', duration: '10m', reason: REASON },
  });
  const grantId = asked.grant?.id ?? '';
  const { dsn } = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${grantId}/credentials`,
    issuedCredential,
  );
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select count(*) from orders');
  const { items } = await sallyport.ask('admin', 'GET', `/api/sessions?grant=${grantId}`, pageOf(session));
  const id = items[0]?.id ?? '';
  if (leave !== undefined) leave(client);
  else {
    await client.end();
    await until(id, (one) => !one.live && one.recordingHash !== null);
  }
  return id;
}

/** The same, held since before it ended: nothing removes it until the test says so. */
async function heldWork(): Promise<string> {
  let client: pg.Client | undefined;
  const id = await work((open) => {
    client = open;
  });
  const held = await sallyport.cli('admin', 'sessions', 'hold', id, '--reason', 'case 1042', '--json');
  assert.equal(held.code, 0, held.stderr);
  await client?.end();
  await until(id, (one) => !one.live && one.recordingHash !== null);
  return id;
}

const release = (id: string) =>
  sallyport.call('admin', 'POST', `/api/sessions/${id}/release`, { reason: REASON });
const detail = (id: string) => sallyport.ask('auditor', 'GET', `/api/sessions/${id}`, sessionDetail);

async function until(id: string, done: (session: SessionDetail) => boolean): Promise<SessionDetail> {
  const endsAt = Date.now() + LIMIT_MS;
  for (;;) {
    const one = await detail(id);
    if (done(one)) return one;
    assert.ok(Date.now() < endsAt, `not within ${LIMIT_MS} ms: ${JSON.stringify(one)}`);
    await delay(200);
  }
}

const isRemoved = (one: Session) => one.kept.removedAt !== null;
const fileOf = (id: string) => join(sallyport.dataFolder, recordingPath(id));

async function fileGone(id: string): Promise<void> {
  const endsAt = Date.now() + LIMIT_MS;
  for (;;) {
    const { rows } = await store.query('select file_gone_at from sessions where id = $1', [id]);
    if (rows[0].file_gone_at !== null) break;
    assert.ok(Date.now() < endsAt, 'the file was not removed');
    await delay(200);
  }
  assert.equal(existsSync(fileOf(id)), false);
}

async function entries(id: string): Promise<string[]> {
  const { rows } = await store.query(
    `select kind from audit_entries where session_id = $1 and kind like 'recording.%' order by seq`,
    [id],
  );
  return rows.map(({ kind }) => kind);
}

/** As if the session had ended then. */
const age = (id: string, seconds: number) =>
  store.query('update sessions set ended_at = now() - make_interval(secs => $2) where id = $1', [
    id,
    seconds,
  ]);

test('policy says how long; where it does not, the configuration; never below the floor', async () => {
  const usual = await detail(await work());
  assert.equal(usual.kept.seconds, 30 * 86_400);
  assert.equal(
    Date.parse(usual.kept.until ?? '') - Date.parse(usual.endedAt ?? ''),
    30 * 86_400 * 1000,
    'from the end of the session',
  );
  await keepBy('@keepRecording("365d")');
  assert.equal((await detail(await work())).kept.seconds, 365 * 86_400);
  await keepBy('@keepRecording("forever")');
  assert.deepEqual((await detail(await work())).kept, {
    ...{ seconds: null, until: null, hold: null, removedAt: null },
  });
  await keepBy('@keepRecording("1s")');
  const shown = await sallyport.cli('engineer', 'policy', 'explain', 'orders-db', '--task', 'read-orders');
  assert.match(shown.stdout, /recordings kept for 1s/);
  assert.equal((await detail(await work())).kept.seconds, 2, 'the floor of the configuration');
  assert.equal((await detail(usual.id)).kept.seconds, 30 * 86_400, 'what is recorded keeps its time');
});

test('an open session is not ended by a longer time, and keeps its own', async () => {
  await keepBy('@keepRecording("10s")');
  let client: pg.Client | undefined;
  const id = await work((open) => {
    client = open;
  });
  await keepBy('@keepRecording("20d")');
  // Longer than open sessions are asked again.
  await delay(6_000);
  assert.equal((await client?.query('select 1'))?.rowCount, 1);
  assert.equal((await detail(id)).kept.seconds, 10);
  await client?.end();
});

test('what is over is removed: the file goes, the session and its hash stay, and everybody is told', async () => {
  await keepBy('@keepRecording("2s")');
  const id = await work();
  const { recordingHash } = await detail(id);
  const over = await until(id, isRemoved);
  await fileGone(id);
  assert.equal(over.recordingHash, recordingHash);
  assert.equal(over.statements, 1);
  assert.equal(over.recording.state, 'removed');
  assert.match(
    over.recording.problem ?? '',
    /^Its recording was removed on \d{4}-\d\d-\d\d by retention of 2s\./,
  );
  const cast = await sallyport.call('auditor', 'GET', `/api/sessions/${id}/terminals/0`);
  assert.equal(cast.status, 410);
  assert.match(JSON.stringify(cast.body), /recording-removed.*by retention of 2s/);
  const shown = await sallyport.cli('auditor', 'session', id);
  assert.match(shown.stderr, /removed on .* by retention of 2s/);
  assert.deepEqual(await entries(id), ['recording.removed']);
  const held = await sallyport.call('admin', 'POST', `/api/sessions/${id}/hold`, { reason: REASON });
  assert.equal(held.status, 410);
});

test('a hold keeps it, whatever its time; whoever releases it lets it go', async () => {
  const id = await heldWork();
  await age(id, 5 * 86_400);
  assert.equal(
    (await sallyport.call('auditor', 'POST', `/api/sessions/${id}/release`, { reason: REASON })).status,
    403,
  );
  const again = await sallyport.call('admin', 'POST', `/api/sessions/${id}/hold`, { reason: REASON });
  assert.equal(again.status, 409);
  const other = await work();
  await until(other, isRemoved);
  const kept = await detail(id);
  const listed = async (recording: string) => {
    const { stdout } = await sallyport.cli('auditor', 'sessions', '--recording', recording, '--json');
    return (JSON.parse(stdout) as { id: string }[]).map((one) => one.id);
  };
  assert.deepEqual(await listed('held'), [id]);
  const removed = await listed('removed');
  assert.deepEqual([removed.includes(other), removed.includes(id)], [true, false]);
  assert.equal(isRemoved(kept), false);
  assert.deepEqual([kept.kept.hold?.by, kept.kept.hold?.reason], ['admin', 'case 1042']);
  assert.equal(kept.recording.intact, true);
  const freed = await sallyport.cli('admin', 'sessions', 'release', id, '--reason', 'case 1042 is closed');
  assert.equal(freed.code, 0, freed.stderr);
  await until(id, isRemoved);
  assert.deepEqual(await entries(id), ['recording.held', 'recording.released', 'recording.removed']);
});

test('nobody releases the recording of their own session', async () => {
  const id = await heldWork();
  await store.query(
    `update sessions set principal_id = (select id from principals where name = 'admin') where id = $1`,
    [id],
  );
  assert.equal((await release(id)).status, 403);
  // Nor by another account, of an agent of theirs, or by a way in that whoever had it handed out.
  for (const [change, back] of [
    [
      `update principals set same_person_as = (select id from principals where name = 'engineer') where name = 'admin'`,
      `update principals set same_person_as = null where name = 'admin'`,
    ],
    [
      `update principals set sponsor_id = (select id from principals where name = 'admin') where name = 'engineer'`,
      `update principals set sponsor_id = null where name = 'engineer'`,
    ],
    [
      `update tokens set handed_by = array[(select id from principals where name = 'engineer')]
        where principal_id = (select id from principals where name = 'admin')`,
      `update tokens set handed_by = '{}'`,
    ],
  ] as const) {
    await store.query(
      `update sessions set principal_id = (select id from principals where name = 'engineer') where id = $1`,
      [id],
    );
    await store.query(change);
    const { status } = await release(id);
    await store.query(back);
    assert.equal(status, 403, change);
  }
});

test('a recording that is open, or that no closing record stands for, is never removed', async () => {
  let client: pg.Client | undefined;
  const open = await work((one) => {
    client = one;
  });
  await store.query(`update sessions set started_at = now() - interval '9 days' where id = $1`, [open]);
  const unclosed = await heldWork();
  await store.query('update sessions set recording_hash = null, held_at = null where id = $1', [unclosed]);
  await age(unclosed, 9 * 86_400);
  await until(await work(), isRemoved);
  for (const id of [open, unclosed]) {
    assert.equal(isRemoved(await detail(id)), false);
    assert.equal(existsSync(fileOf(id)), true);
  }
  await client?.end();
});

test('a crash between the entry and the file is finished after the start, with one entry', async () => {
  const id = await heldWork();
  // No file can be removed there: as if the program had died before it did.
  const path = fileOf(id);
  rmSync(path);
  mkdirSync(path);
  assert.equal((await release(id)).status, 200);
  await until(id, isRemoved);
  await sallyport.crash();
  rmSync(path, { recursive: true });
  writeFileSync(path, 'what is left');
  await sallyport.start();
  await fileGone(id);
  assert.deepEqual(await entries(id), ['recording.held', 'recording.released', 'recording.removed']);
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});
