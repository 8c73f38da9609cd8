// A store that is not the one that worked last: an older backup put back, the same with the data folder lost, a copy in
// staging while the original runs. Each touches nothing and says so, until a person signs.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecoveryAnswer } from '../../src/api/recovery.ts';
import { type Duo, type One, startDuo } from '../harness/duo.ts';

let duo: Duo;
before(async () => {
  duo = await startDuo({ alone: true });
});
after(() => duo?.[Symbol.asyncDispose]());

async function until(what: string, limitMs: number, so: () => Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + limitMs;
  while (!(await so())) {
    assert.ok(Date.now() < endsAt, `${what} within ${limitMs} ms`);
    await delay(100);
  }
}

async function stop(one: One): Promise<void> {
  one.process.kill('SIGTERM');
  one.process.kill('SIGTERM');
  await one.process.ended;
}

const recovery = (one: One): Promise<RecoveryAnswer> => duo.ask(one, 'GET', '/api/recovery');
const inDatabase = (name: string) => {
  const url = new URL(duo.storeUrl);
  url.pathname = `/${name}`;
  return { DATABASE_URL: url.href };
};

/** A process on another store, with a data folder that is new but for the master key. */
async function elsewhere(name: string, database: string): Promise<One> {
  const data = join(duo.folder, name);
  mkdirSync(data, { mode: 0o700 });
  const env = { SALLY_DATA: data, SALLY_REPLICA: name, SALLY_MASTER_KEY_FILE: duo.masterKeyFile };
  const process = duo.run({ ...env, ...inDatabase(database) });
  await process.ready();
  return { name, data, process };
}

/** Reads, refuses to write, says the way out, and leaves the target alone. */
async function standsStill(one: One, found: RegExp): Promise<void> {
  const before = await duo.logins();
  await until('it stands still', 40_000, async () => (await recovery(one)).recovery !== null);
  assert.match((await recovery(one)).recovery?.found.join('\n') ?? '', found);
  assert.equal((await duo.get(one, '/readyz')).status, 200, 'a person must reach it');
  await assert.rejects(duo.submit(one), /503 .*in-recovery.*sally recover/s);
  await duo.ask(one, 'GET', '/api/grants');
  const said = await duo.cli(one, 'recover');
  assert.match(said.stdout, /"found"/);
  await delay(2_500);
  assert.deepEqual(await duo.logins(), before, 'no login is made or removed');
}

test('an older backup stands still until somebody signs; then what it does not know is removed, and the log goes on', async () => {
  const known = await duo.grant(duo.a);
  await stop(duo.a);
  for (const name of ['backup', 'backup_elsewhere'])
    await duo.sql(`create database ${name} template store`, 'postgres');
  await duo.start(duo.a);
  const later = await duo.grant(duo.a);
  await duo.verify(duo.a);
  await stop(duo.a);

  await duo.start(duo.a, inDatabase('backup'));
  await standsStill(duo.a, /older backup|has seen mark/);
  assert.ok((await duo.logins()).includes(later.login));
  const { installation } = await recovery(duo.a);
  const wrong = await duo.cli(duo.a, 'recover', '--reason', 'a drill', '--confirm', 'ins_other');
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /confirm/);
  const signed = await duo.cli(duo.a, 'recover', '--reason', 'a drill', '--confirm', installation);
  assert.equal(signed.code, 0, signed.stderr);
  assert.equal(JSON.parse(signed.stdout).epoch, 2);
  await until('what the backup does not know is removed', 60_000, async () => {
    const logins = await duo.logins();
    return !logins.includes(later.login) && logins.includes(known.login);
  });
  const fresh = await duo.grant(duo.a);
  assert.ok((await duo.logins()).includes(fresh.login));
  const verified = await duo.verify(duo.a);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  const { items } = await duo.ask(duo.a, 'GET', '/api/audit/entries?kind=recovery.bridged');
  assert.deepEqual(
    (items as { leaf: { kind: string } }[]).map((item) => item.leaf.kind),
    ['recovery.bridged'],
  );
});

test('the store that was left behind, and a backup without its data folder, find what is newer on the target', async () => {
  const left = await elsewhere('left-behind', 'store');
  try {
    await standsStill(left, /knows epoch 2, this store is of epoch 1/);
  } finally {
    await stop(left);
  }
  const lost = await elsewhere('folder-lost', 'backup_elsewhere');
  try {
    await standsStill(lost, /knows epoch 2/);
  } finally {
    await stop(lost);
  }
  assert.equal((await recovery(duo.a)).recovery, null, 'the one that was signed for goes on');
});

test('a copy that is started while the original runs touches nothing, and the original goes on', async () => {
  await stop(duo.a);
  await duo.sql('create database staging template backup', 'postgres');
  await duo.start(duo.a, inDatabase('backup'));
  await duo.grant(duo.a);
  const copy = await elsewhere('staging', 'staging');
  try {
    await standsStill(copy, /has seen mark|Another Sallyport|another Sallyport/);
    const grant = await duo.grant(duo.a);
    assert.ok((await duo.logins()).includes(grant.login));
    assert.equal((await recovery(duo.a)).recovery, null);
  } finally {
    await stop(copy);
  }
});

test('a run that goes on counts on with its patrols, and stands still when another was signed for meanwhile', async () => {
  const marks = async () => {
    const { rows } = await duo.sql(
      `select r.rolname as role, shobj_description(r.oid, 'pg_authid') as mark from pg_roles r
       where r.rolname like 'sp\\_mark\\_%'`,
    );
    const [{ role = '', mark = '' } = {}] = rows as { role: string; mark: string }[];
    return { role, mark, number: Number(/"number":(\d+)/.exec(mark)?.[1]) };
  };
  const before = await marks();
  await duo.grant(duo.a);
  await until('it counts on', 40_000, async () => (await marks()).number > before.number);
  // As the other writes it when it begins.
  const { role, mark } = await marks();
  await duo.sql(`comment on role ${role} is '${mark.replace(/"epoch":\d+/, '"epoch":1000')}'`);
  await standsStill(duo.a, /knows epoch 1000/);
});
