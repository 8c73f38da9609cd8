// Two real processes on one PostgreSQL, each with its own data folder: sessions and grants are ended from either, cancel
// requests find their session, what a killed one had in hand goes on, a stopped one is fenced off, a rolling restart
// loses nothing, and who does not belong refuses to start and says why.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { type ReplicaView, replicaList } from '../../src/api/replicas.ts';
import { type SessionLive, session, sessionLive } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { ROOT } from '../harness/checks.ts';
import { type Duo, startDuo } from '../harness/duo.ts';

let duo: Duo;
before(async () => {
  duo = await startDuo();
});
after(() => duo?.[Symbol.asyncDispose]());

/** Polls until it is so. */
async function until(what: string, limitMs: number, so: () => Promise<boolean>): Promise<number> {
  const began = Date.now();
  while (!(await so())) {
    assert.ok(Date.now() - began < limitMs, `${what} within ${limitMs} ms`);
    await delay(25);
  }
  return Date.now() - began;
}

async function stateOf(name: string): Promise<string | undefined> {
  const { items } = replicaList.parse(await duo.ask(duo.a, 'GET', '/api/replicas'));
  return items.find((one) => one.name === name)?.state;
}

const ended = (client: pg.Client) =>
  new Promise<number>((resolve) => client.once('end', () => resolve(Date.now())));

describe('two replicas on one store', () => {
  test('each has a name and shows the other', async () => {
    for (const one of [duo.a, duo.b]) {
      const { items } = await duo.ask(one, 'GET', '/api/replicas');
      const running = (items as { name: string; state: string; roles: string[] }[]).filter(
        (item) => item.state === 'running',
      );
      assert.deepEqual(running.map((item) => item.name).sort(), ['left', 'right']);
      assert.deepEqual(running[0]?.roles, ['api', 'gateway', 'worker']);
      assert.equal((await duo.get(one, '/readyz')).status, 200);
    }
  });

  test('a session is ended from the other within a second, and so is a grant', async () => {
    for (const how of ['session', 'grant'] as const) {
      const grant = await duo.grant(duo.a);
      const client = await duo.connect(duo.a, grant.id);
      const gone = ended(client);
      await client.query('select 1');
      const list = pageOf(session).parse(
        await duo.ask(duo.b, 'GET', `/api/sessions?grant=${grant.id}&state=live`),
      );
      const [live] = list.items;
      assert.ok(live);
      const asked = Date.now();
      const path = how === 'session' ? `/api/sessions/${live.id}/end` : `/api/grants/${grant.id}/revoke`;
      await duo.ask(duo.b, 'POST', path, { reason: 'from the other side' });
      const took = (await Promise.race([gone, delay(5_000, Number.POSITIVE_INFINITY)])) - asked;
      assert.ok(took <= 1_000, `${how}: cut ${took} ms after it was asked for`);
    }
  });

  test('a running session is watched from the other one: what runs, what was done and refused, and that it ended', async () => {
    const grant = await duo.grant(duo.a);
    const client = await duo.connect(duo.a, grant.id);
    await client.query('select id from items limit 7');
    const list = pageOf(session).parse(
      await duo.ask(duo.b, 'GET', `/api/sessions?grant=${grant.id}&state=live`),
    );
    const id = list.items[0]?.id ?? '';
    let seen: SessionLive | null = null;
    const look = async (): Promise<SessionLive> => {
      const path = `/api/sessions/${id}/live?wait=20&after=${seen?.version ?? 0}`;
      seen = sessionLive.parse(await duo.ask(duo.b, 'GET', path));
      return seen;
    };
    const texts = (live: SessionLive) =>
      live.statements.map((one) => [one.text, one.rows, one.durationMs === null]);
    assert.deepEqual(
      texts(await look()),
      [['select id from items limit 7', 7, false]],
      'also what was before',
    );
    const sleeping = client.query('select pg_sleep(30)');
    sleeping.catch(() => undefined);
    await until('what runs is seen', 20_000, async () => (await look()).statements.length === 2);
    assert.deepEqual(texts(seen ?? (await look())).at(-1), ['select pg_sleep(30)', 0, true]);
    const followed = duo.cli(duo.b, 'session', id, '--follow');
    await duo.ask(duo.b, 'POST', `/api/sessions/${id}/end`, { reason: 'seen enough' });
    await until('it is seen to be over', 20_000, async () => !(await look()).session.live);
    const over = await look();
    assert.match(over.session.endReason ?? '', /seen enough/);
    const { code, stdout } = await followed;
    assert.equal(code, 0);
    const [first] = stdout.split('\n');
    assert.equal(JSON.parse(first ?? '').text, 'select id from items limit 7', 'followed by the command too');
    const entries = await duo.sql(
      `select (select count(*) from audit_entries where kind = 'session.watched' and session_id = '${id}')::int as n`,
    );
    assert.equal(entries.rows[0]?.n, 1, 'that somebody watched is in the log, once');
  });

  test('a cancel request that reaches the other gateway cancels, and a wrong one does not', async () => {
    const grant = await duo.grant(duo.a);
    const client = await duo.connect(duo.a, grant.id);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const sleeping = client.query('select pg_sleep(20)');
    sleeping.catch(() => undefined);
    await delay(300);
    await duo.cancel(duo.b, processID, secretKey ^ 1);
    const early = await Promise.race([sleeping.catch(() => 'cancelled'), delay(700, 'runs')]);
    assert.equal(early, 'runs', 'a wrong key cancels nothing');
    await duo.cancel(duo.b, processID, secretKey);
    await assert.rejects(sleeping, { code: '57014' });
    assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1, 'the session goes on');
    await client.end();
  });

  test('a replica that is killed loses no grant: the other goes on, and its sessions are closed in the record', async () => {
    const before = await duo.grant(duo.b, '10m');
    const client = await duo.connect(duo.b, before.id);
    client.on('error', () => undefined);
    await client.query('select 1');
    const asked = Array.from({ length: 6 }, () => duo.submit(duo.b).catch(() => null));
    await delay(60);
    await duo.kill(duo.b);
    await Promise.all(asked);
    // Whatever was written down became a grant or ended; nothing is twice, nothing is left over.
    await until('the target has exactly the active grants', 40_000, async () => {
      const live = await duo.liveGrants(duo.a);
      return (
        live.every((one) => one.state === 'active') &&
        JSON.stringify(live.map((one) => one.login).sort()) === JSON.stringify(await duo.logins())
      );
    });
    assert.equal((await duo.see(duo.a, before.id)).state, 'active');
    await until('the session is closed in the record', 30_000, async () => {
      const { items } = pageOf(session).parse(
        await duo.ask(duo.a, 'GET', `/api/sessions?grant=${before.id}`),
      );
      return items.every((one) => !one.live);
    });
    const { items } = await duo.ask(duo.a, 'GET', '/api/replicas');
    assert.equal(
      (items as { name: string; state: string }[]).find((one) => one.name === 'right')?.state,
      'gone',
    );

    await duo.start(duo.b);
    await until('its recording is found again', 10_000, async () => {
      const found = pageOf(session).parse(await duo.ask(duo.b, 'GET', `/api/sessions?grant=${before.id}`));
      return found.items[0]?.recordingHash !== null;
    });
  });

  test('one is drained from the other: who is in goes on, nobody comes in, and it stops; the last one stays', async () => {
    const grant = await duo.grant(duo.a);
    const notices: string[] = [];
    const client = await duo.connect(duo.b, grant.id, (notice) => notices.push(notice));
    const drain = (...more: string[]) =>
      duo.cli(duo.a, 'replicas', 'drain', ...more, '--reason', 'a new kernel');
    assert.match((await drain('nobody')).stderr, /unknown-replica/);
    assert.match((await drain('right', '--for', '2h')).stderr, /invalid-duration/);
    const drained = drain('right', '--for', '5m');
    await until('it shows', 10_000, async () => (await stateOf('right')) === 'draining');
    await until('it is not ready', 10_000, async () => (await duo.get(duo.b, '/readyz')).status === 503);
    await assert.rejects(duo.connect(duo.b, grant.id), { code: '57P03' }, 'nobody is let in any more');
    await until('the session is told', 5_000, async () => notices.some((text) => /about to stop/.test(text)));
    assert.equal((await client.query('select 2 as two')).rows[0]?.two, 2, 'who is in goes on');
    const path = '/api/replicas/:name/drain'.replace(':name', 'left');
    await assert.rejects(
      duo.ask(duo.a, 'POST', path, { reason: 'both at once' }),
      /409 .*last-replica/,
      'nobody else would stay',
    );
    await client.end();
    assert.equal(await duo.b.process.ended, 0);
    const { code, stdout } = await drained;
    assert.deepEqual([code, (JSON.parse(stdout) as ReplicaView).state], [0, 'stopped']);
    assert.match((await drain('right')).stderr, /replica-not-running/);
    const { rows } = await duo.sql(
      "select leaf from audit_entries where kind = 'replica.drain-asked' order by seq",
    );
    assert.equal(rows.length, 1, 'what was refused has written nothing');
    assert.match(String(rows[0]?.leaf), /a new kernel/);
    await duo.start(duo.b);
    assert.equal(await stateOf('right'), 'running', 'the next run under the name starts as ever');
    await duo.ask(duo.a, 'POST', `/api/grants/${grant.id}/done`);
  });

  test('a rolling restart with a drain: sessions are told and finish, nothing is lost, and revocation is on time', async () => {
    const long = await duo.grant(duo.a, '10m');
    const short = await duo.grant(duo.b, '6s');
    const expiresAt = Date.parse(short.expiresAt ?? '');
    const notices: string[] = [];
    const client = await duo.connect(duo.a, long.id, (notice) => notices.push(notice));
    const churn = duo.churn(duo.b);
    duo.a.process.kill('SIGTERM');
    await until('it is not ready', 5_000, async () => (await duo.get(duo.a, '/readyz')).status === 503);
    await assert.rejects(duo.connect(duo.a, long.id), { code: '57P03' }, 'nobody is let in any more');
    assert.equal((await client.query('select 2 as two')).rows[0]?.two, 2, 'who is in goes on');
    await until('the session is told', 3_000, async () => notices.some((text) => /about to stop/.test(text)));
    await client.end();
    const code = await duo.a.process.ended;
    assert.equal(typeof code, 'number', 'it ended by itself');
    const elsewhere = await duo.connect(duo.b, long.id);
    assert.equal((await elsewhere.query('select 1 as one')).rows[0]?.one, 1);
    await elsewhere.end();
    await duo.start(duo.a);
    const made = await churn.stop();
    assert.ok(made.length > 0);
    assert.equal(new Set(made).size, made.length, 'no request became two grants');
    await until('the short one is over on the target', 30_000, async () => {
      const seen = await duo.see(duo.a, short.id);
      return seen.state === 'revoked';
    });
    assert.ok(Date.now() - expiresAt < 30_000);
    await duo.endAll();
    await until('nothing is left on the target', 30_000, async () => (await duo.logins()).length === 0);
    assert.equal((await duo.verify(duo.a)).code, 0);
    assert.equal((await duo.verify(duo.b)).code, 0);
  });
});

describe('who does not belong', () => {
  test('another master key, another log key, a name in use, a version too old: each refuses and says why', async () => {
    const refused = async (
      name: string,
      env: Record<string, string>,
      prepare?: (data: string) => void,
      root?: string,
    ) => {
      const data = join(duo.folder, name);
      mkdirSync(data, { mode: 0o700 });
      prepare?.(data);
      await using program = duo.run({ SALLY_DATA: data, ...env }, root);
      assert.equal(await program.ended, 1, program.output());
      assert.doesNotMatch(program.output(), /\n +at .*\.ts:\d+/, 'words, no stack');
      return program.output();
    };
    const key = { SALLY_MASTER_KEY_FILE: duo.masterKeyFile };
    const copy = (to: string) =>
      cpSync(duo.a.data, to, { recursive: true, filter: (from) => !from.includes('/lock') });
    const said = await Promise.all([
      refused('no-key', {}),
      refused('other-key', {}, (data) => duo.writeKey(join(data, 'keys', 'master.key'))),
      refused('other-log-key', key, (data) => duo.writeLogKey(join(data, 'keys', 'audit-log.key'))),
      refused('same-name', { ...key, SALLY_REPLICA: 'left' }),
      // A copy of a data folder that is in use has its name.
      refused('copied', key, copy),
    ]);
    assert.match(said[0], /no master key at .*[\s\S]*SALLY_MASTER_KEY_FILE/);
    assert.match(said[1], /another master key/);
    assert.match(said[2], /audit-log\.key is not a key of this installation/);
    assert.match(said[3], /runs as the replica "left"/);
    assert.match(said[4], /runs as the replica "left"/);
    const behind = programOfVersion(0);
    const old = await refused('too-old', key, undefined, behind);
    assert.match(old, /version 2, and the oldest program .* 1; this one has 0/);
  });

  /** A copy of the program that has another number; the store's own number would send home whoever runs. */
  function programOfVersion(version: number): string {
    const folder = join(duo.folder, `version-${version}`);
    cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const file = join(folder, 'src', 'db', 'store-version.ts');
    const text = readFileSync(file, 'utf8');
    const other = text.replace('STORE_VERSION = 2;', `STORE_VERSION = ${version};`);
    assert.notEqual(other, text);
    writeFileSync(file, other);
    return folder;
  }

  test('a program two versions ahead does not bring the store to its shape while these run, and names them', async () => {
    const ahead = programOfVersion(4);
    const data = join(duo.folder, 'too-new');
    mkdirSync(data, { mode: 0o700 });
    const env = { SALLY_DATA: data, SALLY_REPLICA: 'too-new', SALLY_MASTER_KEY_FILE: duo.masterKeyFile };
    await using program = duo.run(env, ahead);
    assert.equal(await program.ended, 1, program.output());
    assert.match(
      program.output(),
      /two versions behind still work on this store: left \(.+\), right \(.+\)\.\s+Bring them/,
    );
    const { rows } = await duo.sql('select store_version as own, oldest_version as oldest from installation');
    assert.deepEqual(rows, [{ own: 2, oldest: 1 }], 'the store is as it was');
    for (const one of [duo.a, duo.b]) assert.equal((await duo.get(one, '/readyz')).status, 200);
  });

  test('version N runs beside N+1, and is refused by a store whose programs are two ahead', async () => {
    await duo.sql("insert into kysely_migration values ('9999-of-the-next', '2030-01-01')");
    await duo.sql('update installation set store_version = 3, oldest_version = 2');
    const data = join(duo.folder, 'beside');
    mkdirSync(data, { mode: 0o700 });
    try {
      await using program = duo.run({
        SALLY_DATA: data,
        SALLY_REPLICA: 'beside',
        SALLY_ROLES: 'api',
        SALLY_MASTER_KEY_FILE: duo.masterKeyFile,
      });
      await program.ready();
      assert.equal((await fetch(`${program.server()}/readyz`)).status, 200);
    } finally {
      await duo.sql("delete from kysely_migration where name = '9999-of-the-next'");
      await duo.sql('update installation set store_version = 2, oldest_version = 1');
    }
  });
});

describe('roles', () => {
  test('an API alone leaves work and sessions to others, a gateway alone serves no API', async () => {
    const start = (name: string, roles: string) => {
      const data = join(duo.folder, name);
      mkdirSync(data, { mode: 0o700 });
      return duo.run({ SALLY_DATA: data, SALLY_ROLES: roles, SALLY_MASTER_KEY_FILE: duo.masterKeyFile });
    };
    await using api = start('api-only', 'api');
    await api.ready();
    const one = { name: 'api-only', data: '', process: api };
    const granted: Grant = await duo.grant(one);
    const { dsn } = await duo.ask(one, 'POST', `/api/grants/${granted.id}/credentials`);
    const ports = [duo.a.process.gatewayPort(), duo.b.process.gatewayPort()];
    assert.ok(ports.includes(Number(new URL(String(dsn)).port)), 'its sessions go to a gateway that lives');
    await using gateway = start('gateway-only', 'gateway');
    await gateway.ready();
    assert.equal((await fetch(`${gateway.server()}/readyz`)).status, 200);
    const refused = await fetch(`${gateway.server()}/api/me`);
    assert.equal(((await refused.json()) as { code: string }).code, 'not-served-here');
    grantSchema.parse(await duo.ask(one, 'POST', `/api/grants/${granted.id}/done?wait=20`));
  });
});
