// Keys change while two replicas run and grants are live: the master key, the log's key, the passwords of grants, an
// administrator's password on a target; and what was half done when something broke is found out.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { KeysAnswer } from '../../src/api/keys.ts';
import { linesOf } from '../../src/audit/verify/export-format.ts';
import { verifyLog } from '../../src/audit/verify/verify-log.ts';
import { type Duo, type One, startDuo } from '../harness/duo.ts';

let duo: Duo;
before(async () => {
  duo = await startDuo();
});
after(() => duo?.[Symbol.asyncDispose]());

async function until(what: string, limitMs: number, so: () => Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + limitMs;
  while (!(await so())) {
    assert.ok(Date.now() < endsAt, `${what} within ${limitMs} ms`);
    await delay(100);
  }
}

const status = (one: One): Promise<KeysAnswer> => duo.ask(one, 'GET', '/api/keys');
const works = async (one: One, grantId: string) => {
  const client = await duo.connect(one, grantId);
  assert.equal((await client.query('select count(*)::int as n from items')).rows[0]?.n, 100);
  await client.end();
};

test('the master key: live grants and sealed credentials go on, and the old key is forgotten when nothing needs it', async () => {
  const before = await duo.grant(duo.a);
  const { dsn } = await duo.ask(duo.a, 'POST', `/api/grants/${before.id}/credentials`);
  const old = readFileSync(duo.masterKeyFile, 'utf8').trim();
  const first = await status(duo.a);
  await duo.ask(duo.a, 'POST', '/api/keys/rotate', { what: 'master' });
  const refused = await duo.cli(duo.b, 'keys', 'rotate', 'master');
  assert.match(refused.stderr, /rotation-under-way/, 'one at a time');
  await until('everything is sealed with the new one', 40_000, async () => {
    const now = await status(duo.b);
    return now.master.check !== first.master.check && now.master.previous === first.master.check;
  });
  assert.equal((await status(duo.a)).master.grantsOfPrevious, 1, 'a live grant still needs the old one');
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1, 'a secret from before still works');
  await client.end();
  await works(duo.b, before.id);
  const later = await duo.grant(duo.b);
  await works(duo.a, later.id);
  // Not running meanwhile: it gets the key from the store.
  await duo.kill(duo.b);
  await duo.start(duo.b);
  await works(duo.b, before.id);
  await duo.ask(duo.a, 'POST', `/api/grants/${before.id}/done?wait=20`);
  await until('the old one is forgotten', 60_000, async () => (await status(duo.a)).master.previous === null);
  await until('in the file too', 20_000, async () => !readFileSync(duo.masterKeyFile, 'utf8').includes(old));
  const stored = await duo.sql('select count(*)::int as n from master_keys');
  assert.equal(stored.rows[0]?.n, 0);
  await works(duo.a, later.id);
  await works(duo.b, (await duo.grant(duo.b)).id);
});

test('the log key: verification follows the change, offline too, from the first key and from the last', async () => {
  const first = (await status(duo.a)).log.verifierKey;
  await duo.ask(duo.a, 'POST', '/api/keys/rotate', { what: 'log' });
  await until('the new one signs', 30_000, async () => {
    const { log } = await status(duo.a);
    return log.verifierKey !== first && log.announced === null;
  });
  await duo.grant(duo.b);
  for (const one of [duo.a, duo.b]) assert.equal((await duo.verify(one)).code, 0);
  const text = await (
    await fetch(`${duo.a.process.server()}/api/audit/export`, {
      headers: { authorization: `Bearer ${duo.token}` },
    })
  ).text();
  const { log } = await status(duo.a);
  const keptCheckpoints = readFileSync(join(duo.b.data, 'audit', 'checkpoints'), 'utf8').match(
    /(?:[^\n]+\n)+\n(?:— [^\n]+\n)+/g,
  ) as string[];
  for (const trustedKey of [undefined, first, log.verifierKey]) {
    const result = await verifyLog(linesOf([text]), { trustedKey, keptCheckpoints });
    assert.equal(result.ok, true, `${trustedKey}: ${result.problem}`);
  }
  const stranger = await verifyLog(linesOf([text]), {
    trustedKey: first.replace(/\+([0-9a-f]{8})\+/, '+00000000+'),
  });
  assert.equal(stranger.ok, false);
  // Without the announcement the new key is nobody's.
  const silent = text.replace('log-key.announced', 'log-key.unheard-of');
  assert.equal((await verifyLog(linesOf([silent]), { trustedKey: first })).ok, false);
});

test("grants' passwords: new grants get others, live ones keep theirs", async () => {
  const before = await duo.grant(duo.a);
  await duo.ask(duo.b, 'POST', '/api/keys/rotate', { what: 'target-passwords' });
  await works(duo.b, before.id);
  const after = await duo.grant(duo.b);
  await works(duo.a, after.id);
  const { rows } = await duo.sql(
    `select split_part(password_key, '.', 2)::int as generation from grants where id in ('${before.id}', '${after.id}') order by id`,
  );
  assert.deepEqual(rows, [{ generation: 0 }, { generation: 1 }]);
});

test("an administrator's password: changed, tried, used by both; what was half done is found out", async () => {
  await duo.sql("create role keeper superuser login password 'first'", 'postgres');
  const port = duo.postgres.port;
  await duo.ask(duo.a, 'POST', '/api/targets', {
    ...{ name: 'kept', kind: 'postgres', segment: 'prod/shop', environment: 'prod' },
    settings: { host: '127.0.0.1', port, database: 'shop', tls: 'off' },
    admin: { user: 'keeper', password: 'first' },
  });
  const logsIn = async (password: string) => {
    const client = new pg.Client({ host: '127.0.0.1', port, database: 'shop', user: 'keeper', password });
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  };
  await duo.ask(duo.b, 'POST', '/api/keys/rotate', { what: 'admin:kept' });
  assert.equal(await logsIn('first'), false, 'the old one is gone');
  for (const one of [duo.a, duo.b])
    assert.equal((await duo.ask(one, 'POST', '/api/targets/kept/check')).items[0]?.status, 'ok');
  // As a crash leaves it after the next one was kept, and before the target had it.
  await duo.sql("update targets set next_credential = credential where name = 'kept'");
  await until('it is found out', 60_000, async () => {
    const { rows } = await duo.sql("select next_credential from targets where name = 'kept'");
    return rows[0]?.next_credential === null;
  });
  assert.equal((await duo.ask(duo.a, 'POST', '/api/targets/kept/check')).items[0]?.status, 'ok');
  const entries = await duo.ask(duo.a, 'GET', '/api/audit/entries?kind=keys.rotated&limit=50');
  assert.ok(JSON.stringify(entries).includes("the administrator's password on kept"));
  assert.doesNotMatch((await duo.cli(duo.a, 'keys', 'rotate', 'nonsense')).stderr, /\n +at /);
});
