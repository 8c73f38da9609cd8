// The log as evidence, on the running product: whoever holds the store changes it, and verifying names the first entry
// that is not as it was; an exported file says the same with no server at all. And no secret that was given to any
// input comes out anywhere.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type CliResult, runCli, type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let store: pg.Client;
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'evidence' };

before(async () => {
  sallyport = await startSallyport({ SALLY_LOG: 'debug' });
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  store.on('error', () => undefined);
  await store.connect();
  for (let i = 0; i < 5; i++) await sallyport.ask('engineer', 'POST', '/api/requests', submitted, ASKED);
});
after(async () => {
  await store.end().catch(() => undefined);
  await sallyport[Symbol.asyncDispose]();
});

interface Verdict {
  ok: boolean;
  size: number;
  badIndex?: number;
  problem?: string;
}

const verdictOf = (result: CliResult) => JSON.parse(result.stdout) as Verdict;

async function mustVerify(): Promise<Verdict> {
  const result = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(result.code, 0, result.stderr + result.stdout);
  assert.equal(verdictOf(result).ok, true);
  return verdictOf(result);
}

async function mustName(index: number, ...more: string[]): Promise<Verdict> {
  const result = await sallyport.cli('auditor', 'audit', 'verify', '--json', ...more);
  assert.equal(result.code, 1, result.stdout);
  const verdict = verdictOf(result);
  assert.equal(verdict.ok, false);
  assert.equal(verdict.badIndex, index, verdict.problem);
  assert.match(result.stderr, new RegExp(`\\b${index}\\b`));
  return verdict;
}

/** The newest entry that has its place and is covered by a checkpoint, so that what follows does not race with it. */
async function newestIndex(): Promise<number> {
  for (;;) {
    const { rows } = await store.query(
      `select (select max(index) from audit_entries)::int as newest, (select max(size) from audit_checkpoints)::int as signed,
        (select count(*) from audit_entries where index is null)::int as waiting`,
    );
    const row = rows[0] as { newest: number; signed: number; waiting: number };
    if (row.waiting === 0 && row.signed === row.newest + 1) return row.newest;
    await delay(100);
  }
}

describe('the store is tampered with', () => {
  test('a flipped byte in a stored entry', async () => {
    const at = Math.floor((await newestIndex()) / 2);
    const { rows } = await store.query('select leaf from audit_entries where index = $1', [at]);
    const leaf = String(rows[0]?.leaf);
    const place = leaf.indexOf('"kind":"') + '"kind":"'.length;
    const flipped =
      leaf.slice(0, place) + String.fromCharCode(leaf.charCodeAt(place) ^ 1) + leaf.slice(place + 1);
    await store.query('update audit_entries set leaf = $2 where index = $1', [at, flipped]);
    await mustName(at);
    await store.query('update audit_entries set leaf = $2 where index = $1', [at, leaf]);
    await mustVerify();
  });

  test('a flipped byte with its hash changed along', async () => {
    const at = Math.floor((await newestIndex()) / 2);
    const changed = await store.query(
      `with old as (select seq, leaf, leaf_hash from audit_entries where index = $1),
        changed as (update audit_entries e set leaf = replace(e.leaf, '"v":1', '"v":2'),
          leaf_hash = sha256('\\x00'::bytea || convert_to(replace(e.leaf, '"v":1', '"v":2'), 'UTF8'))
          from old where e.seq = old.seq returning e.seq)
       select old.leaf, old.leaf_hash from old join changed using (seq)`,
      [at],
    );
    await mustName(at);
    await store.query('update audit_entries set leaf = $2, leaf_hash = $3 where index = $1', [
      at,
      changed.rows[0]?.leaf,
      changed.rows[0]?.leaf_hash,
    ]);
    await mustVerify();
  });

  test('a deleted last entry', async () => {
    const at = await newestIndex();
    await store.query('create table kept as select * from audit_entries where index = $1', [at]);
    await store.query('delete from audit_entries where index = $1', [at]);
    await mustName(at);
    await store.query('insert into audit_entries overriding system value select * from kept');
    await store.query('drop table kept');
    await mustVerify();
  });

  test('a swapped pair, by the places and by the texts', async () => {
    const at = Math.floor((await newestIndex()) / 2);
    const places = () =>
      store.query(
        `begin; update audit_entries set index = -1 where index = ${at};
         update audit_entries set index = ${at} where index = ${at + 1};
         update audit_entries set index = ${at + 1} where index = -1; commit`,
      );
    await places();
    await mustName(at);
    await places();
    await mustVerify();
    const texts = () =>
      store.query(
        `update audit_entries a set leaf = b.leaf, leaf_hash = b.leaf_hash, kind = b.kind, actor_id = b.actor_id,
          request_id = b.request_id, grant_id = b.grant_id, session_id = b.session_id, target_id = b.target_id
         from audit_entries b where a.index in (${at}, ${at + 1}) and b.index = ${2 * at + 1} - a.index`,
      );
    await texts();
    await mustName(at);
    await texts();
    await mustVerify();
  });
});

describe('an exported file', () => {
  let file: string;
  let lines: string[];
  /** Of each line that is an entry. */
  const entryAt = (index: number) => lines.findIndex((line) => line.startsWith(`{"index":${index},`));

  before(async () => {
    file = join(sallyport.dataFolder, 'log.ndjson');
    const exported = await sallyport.cli('auditor', 'audit', 'export', file);
    assert.equal(exported.code, 0, exported.stderr);
    lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.ok(entryAt(10) > 0);
  });

  // Nothing of the server: not its address, not a token, not the home in which checkpoints were kept.
  const offline = (path: string, ...more: string[]) =>
    runCli(['audit', 'verify', '--offline', path, '--json', ...more], { HOME: '/nonexistent' });

  async function tampered(name: string, change: (copy: string[]) => string[]): Promise<CliResult> {
    const path = join(sallyport.dataFolder, `${name}.ndjson`);
    writeFileSync(path, `${change([...lines]).join('\n')}\n`);
    return offline(path);
  }

  function names(result: CliResult, index: number): void {
    assert.equal(result.code, 1, result.stdout);
    assert.equal(verdictOf(result).badIndex, index, verdictOf(result).problem);
    assert.match(result.stderr, new RegExp(`\\b${index}\\b`));
  }

  test('verifies with no server', async () => {
    const result = await offline(file);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(verdictOf(result).ok, true);
  });

  test('with a flipped byte in the text, the hash or the chain names the entry', async () => {
    for (const field of ['leaf', 'leafHash', 'chain'] as const) {
      const result = await tampered(`flip-${field}`, (copy) => {
        const place = entryAt(7);
        const entry = JSON.parse(copy[place] ?? '') as Record<string, string>;
        const text = entry[field] ?? '';
        const middle = Math.floor(text.length / 2);
        entry[field] = text.slice(0, middle) + (text[middle] === 'a' ? 'b' : 'a') + text.slice(middle + 1);
        copy[place] = JSON.stringify(entry);
        return copy;
      });
      names(result, 7);
    }
  });

  test('with its tail cut names the first that is missing', async () => {
    names(await tampered('cut', (copy) => copy.slice(0, entryAt(9))), 9);
  });

  test('with a swapped pair or a deleted entry names the place', async () => {
    const swapped = await tampered('swap', (copy) => {
      const [a, b] = [entryAt(5), entryAt(6)];
      [copy[a], copy[b]] = [copy[b] ?? '', copy[a] ?? ''];
      return copy;
    });
    names(swapped, 5);
    names(await tampered('delete', (copy) => copy.filter((_, at) => at !== entryAt(8))), 8);
  });

  test('that is another log than the one whose key one knows is refused', async () => {
    const header = JSON.parse(lines[0] ?? '') as { vkey: string; origin: string };
    assert.equal((await offline(file, '--key', header.vkey)).code, 0);
    const other = header.vkey.slice(0, -2) + (header.vkey.at(-2) === 'A' ? 'B' : 'A') + header.vkey.slice(-1);
    assert.equal((await offline(file, '--key', other)).code, 1);
  });

  test('that cannot be read is no log that is wrong', async () => {
    const missing = await offline(join(sallyport.dataFolder, 'no-such-file'));
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /cannot be read/);
  });
});

describe('secrets', () => {
  const canary = (name: string) => `canary-${name}-5f3a9c77e1b2`;
  /** By name; each must be in none of the places below. */
  const planted = new Map<string, string>();
  const errors: string[] = [];
  let granted: Grant;

  const plant = (name: string) => {
    planted.set(name, canary(name));
    return canary(name);
  };
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await rawHttp({
      server: sallyport.server(),
      method: 'POST',
      path,
      body,
      headers: { authorization: `Bearer ${sallyport.token('admin')}`, ...headers },
    });
    errors.push(answer.text);
    return answer;
  };
  const target = (changes: object) => ({
    name: 'canary',
    kind: 'postgres',
    segment: 'dev/canary',
    environment: 'development',
    settings: { host: '127.0.0.1', port: 1, database: 'none', tls: 'off' },
    admin: { user: 'nobody', password: plant('target-password') },
    ...changes,
  });

  before(async () => {
    for (const person of [
      'engineer',
      'approver',
      'second-approver',
      'auditor',
      'admin',
      'deploy-bot',
    ] as const)
      planted.set(`token of ${person}`, sallyport.token(person));
    assert.equal((await send('/api/targets', target({}))).status, 201);
    // Everything that can be wrong about it, with the secret in the body that is refused.
    for (const wrong of [
      target({}),
      target({ name: 'UPPER' }),
      target({ name: 'second', kind: 'no-such-kind' }),
      target({ name: 'second', settings: { host: '127.0.0.1', password: plant('setting') } }),
      target({ name: 'second', settings: { host: `u:${plant('host')}@127.0.0.1`, port: 1, database: 'x' } }),
      target({ name: 'second', admin: { user: 'x'.repeat(100), password: plant('long-user') } }),
      target({ name: 'second', admin: { user: 'x', password: { secret: plant('nested') } } }),
    ])
      assert.ok((await send('/api/targets', wrong)).status >= 400);
    // A target that is not there, with a password that will be tried on it.
    assert.equal((await send('/api/targets/canary/check', {})).status, 200);
    await send('/api/sign-in', { token: plant('sign-in-token') });
    await send('/api/sign-in', { token: `sally_${'x'.repeat(30)}${plant('long-token').slice(0, 13)}` });
    await send('/api/requests', { ...ASKED, token: plant('extra-field') });
    await send('/api/me', {}, { authorization: `Bearer ${plant('bearer')}` });
    await send('/api/me', {}, { authorization: `Basic ${plant('basic')}` });
    await send('/api/requests', `{"reason": "${plant('malformed')}`);
    await send('/api/grants/grt_00000000000000000000000000/revoke', {
      reason: `see postgres://ops:${plant('pasted-dsn')}@db.internal/orders`,
    });
    const signedIn = await rawHttp({
      server: sallyport.server(),
      method: 'POST',
      path: '/api/sign-in',
      body: { token: sallyport.token('engineer') },
    });
    planted.set('cookie', /^sallyport=([^;]+)/.exec(String(signedIn.headers['set-cookie']))?.[1] ?? '');

    const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, ASKED);
    assert.equal(got.grant?.state, 'active');
    granted = got.grant;
    for (const way of ['works', 'fails'] as const) {
      const { dsn } = await sallyport.ask(
        'engineer',
        'POST',
        `/api/grants/${granted.id}/credentials`,
        issuedCredential,
      );
      const url = new URL(dsn);
      planted.set(`dsn that ${way}`, url.password);
      if (way === 'fails') url.pathname = '/postgres';
      const client = new pg.Client({ connectionString: url.href });
      client.on('error', () => undefined);
      await client.connect().then(
        () => client.query('select 1 as recorded'),
        (error: Error) => errors.push(error.message),
      );
      await client.end().catch(() => undefined);
    }
    const wrong = new URL(`postgres://${granted.login}@127.0.0.1/orders`);
    wrong.port = new URL((await lastDsn()) ?? '').port;
    wrong.password = plant('gateway-password');
    await new pg.Client({ connectionString: wrong.href }).connect().then(
      () => assert.fail('a wrong password works'),
      (error: Error) => errors.push(error.message),
    );
    await sallyport.ask('engineer', 'POST', `/api/grants/${granted.id}/done?wait=20`, grantSchema);
    await newestIndex();
  });

  async function lastDsn(): Promise<string> {
    const { dsn } = await sallyport.ask(
      'engineer',
      'POST',
      `/api/grants/${granted.id}/credentials`,
      issuedCredential,
    );
    planted.set('dsn that is not used', new URL(dsn).password);
    return dsn;
  }

  function none(where: string, text: string | Buffer): void {
    for (const [name, secret] of planted) {
      assert.ok(secret.length > 10, name);
      assert.equal(text.includes(secret), false, `the ${name} is in ${where}`);
    }
  }

  test('are in no entry, no export and no other column of the store', async () => {
    const { rows } = await store.query('select leaf from audit_entries');
    none('the entries', rows.map((row: { leaf: string }) => row.leaf).join('\n'));
    const exported = await sallyport.call('auditor', 'GET', '/api/audit/export');
    none('the export', String(exported.body));
    const tables = await store.query("select tablename from pg_tables where schemaname = 'public'");
    for (const { tablename } of tables.rows as { tablename: string }[]) {
      const dump = await store.query(`select t::text as row from ${tablename} t`);
      none(`the table ${tablename}`, dump.rows.map((row: { row: string }) => row.row).join('\n'));
    }
  });

  test('are in no line of the log, however much it tells, and in no error that somebody got', () => {
    assert.match(sallyport.output(), /"level":"(info|debug)"/);
    none('the log', sallyport.output());
    none('an error', errors.join('\n'));
  });

  test('are in no file of the data folder but those that are there for them', () => {
    // demo.json is the demo's own sign-in; below .config and .local is what the CLI of these tests keeps.
    const own = /^(demo\.json|\.config\/|\.local\/|\.cache\/)/;
    let looked = 0;
    for (const entry of readdirSync(sallyport.dataFolder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const name = relative(sallyport.dataFolder, path);
      if (own.test(name) || !existsSync(path)) continue;
      none(name, readFileSync(path));
      looked += 1;
    }
    assert.ok(looked > 100, `${looked} files`);
  });

  test('are in no recording', async () => {
    const { items } = (await sallyport.call('auditor', 'GET', `/api/sessions?grant=${granted.id}`)).body as {
      items: { id: string }[];
    };
    assert.ok(items.length > 0);
    for (const { id } of items) {
      const detail = await sallyport.call('auditor', 'GET', `/api/sessions/${id}`);
      assert.match(JSON.stringify(detail.body), /select 1 as recorded/);
      none('a recording', JSON.stringify(detail.body));
    }
  });
});

// Last: a log that was set back stays stopped until a person has looked.
test('an older state of the store that was put back is named, and nothing that is signed covers it up', async () => {
  await newestIndex();
  for (const table of ['audit_entries', 'audit_tree', 'audit_checkpoints'])
    await store.query(`create table old_${table} as table ${table}`);
  const { size } = (await store.query('select size::int from old_audit_tree')).rows[0] as { size: number };
  for (let i = 0; i < 3; i++) await sallyport.ask('engineer', 'POST', '/api/requests', submitted, ASKED);
  await newestIndex();
  await mustVerify();
  await store.query(
    `begin;
     ${['audit_entries', 'audit_tree', 'audit_checkpoints']
       .map(
         (table) =>
           `delete from ${table}; insert into ${table} overriding system value select * from old_${table};`,
       )
       .join('\n')}
     commit`,
  );
  const named = await mustName(size);
  assert.match(named.problem ?? '', /missing|backup/);
  const told = /"level":"error"[^\n]*ALARM[^\n]*/;
  for (let i = 0; i < 50 && !told.test(sallyport.output()); i++) await delay(100);
  assert.match(sallyport.output(), told, 'the log of the program says so by itself');
  // Also by a machine that had never looked before: the copy outside the database is enough.
  const fresh = await runCli(['audit', 'verify', '--json'], {
    SALLY_SERVER: sallyport.server(),
    SALLY_TOKEN: sallyport.token('auditor'),
    HOME: join(sallyport.dataFolder, 'another-home'),
  });
  assert.equal(fresh.code, 1);
  assert.equal(verdictOf(fresh).badIndex, size);
});
