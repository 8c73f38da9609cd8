// Sessions from end to end: real clients, the gateway, a real store and a real target.
// Long because every case runs in one world for each version of the server, and worlds take seconds to make.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { skipWithout } from '../../test/harness/services.ts';
import { fields, int, logInByWire, msg, openWire, startup } from '../../test/harness/wire.ts';
import { readRecording } from '../sessions/read-recording.ts';
import { recordingPath } from '../sessions/recording-path.ts';
import { streamSockets } from './fast-socket.ts';

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

function run(program: string, args: string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { timeout: 30_000, maxBuffer: 64_000_000 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      },
    );
    child.stdin?.end(input);
  });
}

async function eventually<T>(look: () => Promise<T | undefined | false>, timeoutMs = 5_000): Promise<T> {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > endsAt) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The session's row when it has ended. */
function ended(world: World, grant: WorldGrant) {
  return eventually(async () => {
    const row = await world.db
      .selectFrom('sessions')
      .selectAll()
      .where('grant_id', '=', grant.id)
      .orderBy('id', 'desc')
      .executeTakeFirst();
    return row?.ended_at === null ? undefined : row;
  });
}

async function statementsOf(world: World, sessionId: string) {
  const page = await readRecording(join(world.dataFolder, recordingPath(sessionId)), {
    from: 0,
    limit: 10_000,
  });
  assert.equal(page.state, 'closed');
  assert.equal(page.intact, true, page.problem ?? '');
  return page.statements;
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

for (const version of [15, 18] as const) {
  describe(`sessions on PostgreSQL ${version}`, {
    skip: version === 15 ? skipWithout('postgres15') : false,
  }, () => {
    let world: World;
    before(async () => {
      // On the older one by streams, so that both ways (fast-socket.ts) are held to the same.
      world = await startWorld({ version, gateway: version === 15 ? { sockets: streamSockets } : {} });
    });
    after(() => world.stop());

    test('a driver works as with the server, and the recording holds exactly what was sent', async () => {
      const grant = await world.grant();
      const client = await connected(world.url(grant));
      assert.equal((await client.query('select count(*)::int as n from orders')).rows[0].n, 1000);
      assert.deepEqual((await client.query('select note from orders where id = $1', [7])).rows, [
        { note: 'order 7' },
      ]);
      const named = {
        name: 'by-id',
        text: 'select id::int from orders where id = any($1)',
        values: [[1, 2, 3]],
      };
      assert.equal((await client.query(named)).rowCount, 3);
      assert.equal((await client.query(named)).rowCount, 3);
      await assert.rejects(client.query('select 1 / 0'), { code: '22012' });
      await assert.rejects(client.query('select $1::int', ['x']), { code: '22P02' });
      await assert.rejects(client.query('select nothing from orders where id = $1', [1]), { code: '42703' });
      await client.query("insert into orders (note) values ('a'), ('b')");
      await client.query('begin; select 1; select 2; commit');
      await client.end();

      const row = await ended(world, grant);
      const said = (await statementsOf(world, row.id)).map((s) => [
        s.text,
        s.protocol,
        s.rows,
        s.error?.sqlstate ?? null,
      ]);
      assert.deepEqual(said, [
        ['select count(*)::int as n from orders', 'simple', 1, null],
        ['select note from orders where id = $1', 'extended', 1, null],
        [named.text, 'extended', 3, null],
        [named.text, 'extended', 3, null],
        ['select 1 / 0', 'simple', 0, '22012'],
        ['select $1::int', 'extended', 0, '22P02'],
        ['select nothing from orders where id = $1', 'extended', 0, '42703'],
        ["insert into orders (note) values ('a'), ('b')", 'simple', 2, null],
        ['begin; select 1; select 2; commit', 'simple', 2, null],
      ]);
      assert.equal(row.statements, 9);
      assert.equal(row.errors, 3);
      assert.equal(row.end_reason, 'the client left');
      assert.equal(row.rows_read, 10);
      const use = await world.db
        .selectFrom('session_use')
        .selectAll()
        .where('session_id', '=', row.id)
        .orderBy('verb')
        .execute();
      assert.deepEqual(
        use.map((one) => [one.verb, one.object, one.statements, one.rows]),
        [
          ['insert', 'orders', 1, 2],
          ['select', 'orders', 4, 8],
        ],
      );
      assert.ok(use.every((one) => one.bytes >= 0 && one.duration_ms > 0));
      assert.ok((use[1]?.bytes ?? 0) > 0);
      const entry = await world.db
        .selectFrom('audit_entries')
        .selectAll()
        .where('session_id', '=', row.id)
        .executeTakeFirstOrThrow();
      assert.equal(entry.kind, 'session.ended');
      assert.match(entry.leaf, new RegExp(row.recording_hash ?? 'none'));
    });

    test('a refusal is a normal error, in both protocols, and the session lives on', async () => {
      const grant = await world.grant();
      const client = await connected(world.url(grant));
      await assert.rejects(client.query("alter role current_user password 'x'"), { code: '42501' });
      await assert.rejects(client.query('select set_config($1, $2, false)', ['role', 'x']), {
        code: '42501',
      });
      await assert.rejects(
        client.query({ name: 'n', text: 'set session authorization postgres', values: [] }),
        { code: '42501' },
      );
      await assert.rejects(client.query('selec 1'), { code: '42601', position: '1' });
      await client.query('begin');
      await assert.rejects(client.query('reset role'), { code: '42501' });
      await assert.rejects(client.query('select 1'), { code: '25P02' });
      await client.query('rollback');
      assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
      await client.end();
      const row = await ended(world, grant);
      assert.equal(row.refused, 5);
      const refused = (await statementsOf(world, row.id)).filter((s) => s.verdict === 'refused');
      assert.deepEqual(
        refused.map((s) => s.text),
        [
          "alter role current_user password 'x'",
          'select set_config($1, $2, false)',
          'set session authorization postgres',
          'selec 1',
          'reset role',
        ],
      );
    });

    test('the lists of a task stop what the target would let through for everybody', async () => {
      await world.admin.query(`create table if not exists ledger (id int); insert into ledger values (1);
        create or replace function wipe() returns bigint language sql security definer
          as 'with gone as (delete from ledger returning 1) select count(*) from gone'`);
      const relations = ['select', 'insert'].map((verb) => ({ verb, object: 'public.orders' }));
      const held = (mode: 'enforce' | 'warn') =>
        world.grant({ guard: { lists: { mode, relations, functions: [] } } });
      const grant = await held('enforce');
      const client = await connected(world.url(grant));
      for (const values of [undefined, []]) {
        const ask = (text: string) => client.query(values === undefined ? { text } : { text, values });
        await assert.rejects(ask('select wipe()'), { code: '42501', message: /does not call wipe\(\)/ });
        await assert.rejects(ask('with a as (select wipe()) select * from a'), { code: '42501' });
        await assert.rejects(ask('delete from orders where id = 1'), { hint: /It may select public.orders/ });
        assert.equal((await ask('select count(*)::int as n from orders')).rows[0].n > 0, true);
      }
      const kept = () => world.admin.query('select count(*)::int as n from ledger').then((r) => r.rows[0].n);
      assert.notEqual(await kept(), 0);
      await client.end();
      assert.equal((await ended(world, grant)).refused, 6);
      // The same statement where the task only warns: PUBLIC may execute the function, so nothing else stops it.
      const learning = await held('warn');
      const open = await connected(world.url(learning));
      await open.query('select wipe()');
      assert.equal(await kept(), 0);
      await open.end();
      const session = await ended(world, learning);
      const uses = await world.db
        .selectFrom('session_use')
        .select(['verb', 'object', 'statements'])
        .where('session_id', '=', session.id)
        .execute();
      assert.deepEqual(uses, [{ verb: 'beyond', object: 'call wipe()', statements: 1 }]);
    });

    test('a large statement keeps its place in the pipeline', async () => {
      const grant = await world.grant();
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, grant.login, grant.secret);
      const rows = Array.from({ length: 20_000 }, (_, i) => `(${i})`).join(',');
      wire.send(
        msg('Q', 'select 1'),
        msg('Q', `select count(*) from (values ${rows}) v`),
        msg('Q', `select count(*) from (values ${rows}) v; set role x`),
        msg('Q', 'select 2'),
        msg('X'),
      );
      const types: string[] = [];
      for (let i = 0; i < 4; i++) types.push((await wire.until('Z')).map((m) => m.type).join(''));
      assert.deepEqual(types, ['TDCZ', 'TDCZ', 'EZ', 'TDCZ']);
      await wire.closed;
      assert.equal((await ended(world, grant)).refused, 1);
    });

    test('pipelined statements are answered in order around a refusal', async () => {
      const grant = await world.grant();
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, grant.login, grant.secret);
      const parse = (text: string) => msg('P', '', text, int(0, 2));
      const bind = msg('B', '', '', int(0, 2), int(0, 2), int(0, 2));
      const execute = msg('E', '', int(0));
      wire.send(
        parse('select 1'),
        bind,
        execute,
        parse('set role x'),
        bind,
        execute,
        parse('select 2'),
        bind,
        execute,
        msg('S'),
        msg('Q', 'select 3'),
        msg('Q', 'reset role'),
        parse('select 4'),
        bind,
        execute,
        msg('S'),
      );
      const first = await wire.until('Z');
      assert.equal(first.map((m) => m.type).join(''), '12DCEZ');
      assert.equal(fields(first.at(-2)).C, '42501');
      assert.equal((await wire.until('Z')).map((m) => m.type).join(''), 'TDCZ');
      assert.equal((await wire.until('Z')).map((m) => m.type).join(''), 'EZ');
      assert.equal((await wire.until('Z')).map((m) => m.type).join(''), '12DCZ');
      wire.send(msg('X'));
      await wire.closed;
      const statements = await statementsOf(world, (await ended(world, grant)).id);
      assert.deepEqual(
        statements.map((s) => [s.text, s.verdict, s.error?.sqlstate ?? null]),
        [
          ['select 1', 'passed', null],
          ['set role x', 'refused', '42501'],
          ['select 2', 'passed', ''],
          ['select 3', 'passed', null],
          ['reset role', 'refused', '42501'],
          ['select 4', 'passed', null],
        ],
      );
    });

    test('the recording says what ran, not what a failed Parse put forward', async () => {
      const grant = await world.grant();
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, grant.login, grant.secret);
      const run = (name: string) => [
        msg('B', '', name, int(0, 2), int(0, 2), int(0, 2)),
        msg('E', '', int(0)),
        msg('S'),
      ];
      wire.send(msg('P', 's', "insert into orders (note) values ('real')", int(0, 2)), msg('S'));
      await wire.until('Z');
      wire.send(msg('P', 's', 'select 1', int(0, 2)), msg('S'));
      assert.equal(fields((await wire.until('Z'))[0]).C, '42P05');
      wire.send(...run('s'));
      await wire.until('Z');
      // PREPARE and the protocol share their names; so do names that differ after 63 bytes.
      wire.send(msg('Q', 'deallocate s; prepare s as select 42'));
      await wire.until('Z');
      wire.send(...run('s'));
      await wire.until('Z');
      const long = 'x'.repeat(63);
      wire.send(msg('P', `${long}1`, 'select 5', int(0, 2)), ...run(`${long}2`));
      await wire.until('Z');
      // A PREPARE that was not reached or failed makes no name; one in the extended protocol does.
      wire.send(msg('Q', 'select 6; prepare s as select 7'));
      await wire.until('Z');
      wire.send(...run('s'));
      await wire.until('Z');
      wire.send(msg('P', '', 'prepare e as select 8', int(0, 2)), ...run(''), ...run('e'));
      await wire.until('Z');
      await wire.until('Z');
      wire.send(msg('X'));
      await wire.closed;
      const statements = await statementsOf(world, (await ended(world, grant)).id);
      assert.deepEqual(
        statements.map((s) => s.text),
        [
          'select 1',
          "insert into orders (note) values ('real')",
          'deallocate s; prepare s as select 42',
          'deallocate s; prepare s as select 42',
          'select 5',
          'select 6; prepare s as select 7',
          'deallocate s; prepare s as select 42',
          'prepare e as select 8',
          'prepare e as select 8',
        ],
      );
    });

    test('psql: TLS and plain, both ways of COPY', { skip: skipWithout('psql') }, async () => {
      const grant = await world.grant({
        rights: ['grant all on orders to $', 'grant create, usage on schema public to $'],
      });
      for (const mode of ['disable', 'require']) {
        const shown = await run('psql', [
          world.url(grant, { query: `?sslmode=${mode}` }),
          '-XAtc',
          'select 6 * 7',
        ]);
        assert.equal(shown.stdout, '42\n', shown.stderr);
      }
      const verified = await run('psql', [
        world
          .url(grant, {
            query: `?sslmode=verify-full&sslrootcert=${join(world.dataFolder, 'gateway', 'certificate.pem')}`,
          })
          .replace('127.0.0.1', 'localhost'),
        '-XAtc',
        'select 1',
      ]);
      assert.equal(verified.stdout, '1\n', verified.stderr);
      const lines = Array.from({ length: 50_000 }, (_, i) => `${i}\tnote ${i}\n`).join('');
      const copied = await run(
        'psql',
        [
          world.url(grant),
          '-XAt',
          '-c',
          'create table c (a int, b text)',
          '-c',
          '\\copy c from stdin',
          '-c',
          '\\copy c to stdout',
        ],
        lines,
      );
      assert.equal(copied.stderr, '');
      assert.equal(
        createHash('sha256').update(copied.stdout.replace('CREATE TABLE\nCOPY 50000\n', '')).digest('hex'),
        createHash('sha256').update(lines).digest('hex'),
      );
      const bad = await run(
        'psql',
        [world.url(grant), '-XAt', '-c', '\\copy c from stdin', '-c', 'select count(*) from c'],
        '1\tx\nbad\ty\n',
      );
      assert.match(bad.stderr, /invalid input syntax for type integer/);
      assert.equal(bad.stdout, '50000\n');
    });

    test('pgbench in three protocols', { skip: skipWithout('pgbench') }, async () => {
      const grant = await world.grant({ rights: ['grant all on schema public to $'] });
      const made = await run('pgbench', ['-i', '-q', world.url(grant)]);
      assert.equal(made.code, 0, made.stderr);
      for (const mode of ['simple', 'extended', 'prepared']) {
        const ran = await run('pgbench', [world.url(grant), '-n', '-M', mode, '-c', '3', '-t', '40']);
        assert.equal(ran.code, 0, ran.stderr);
        assert.match(ran.stdout, /120\/120/);
        const row = await ended(world, grant);
        const statements = await statementsOf(world, row.id);
        assert.equal(statements.length, row.statements);
        assert.equal(row.errors, 0);
        // The tpcb-like script has seven statements; pgbench itself asks for the scale first.
        assert.ok(
          statements.filter((s) => /^UPDATE pgbench_tellers/.test(s.text)).every((s) => s.rows === 1),
        );
        assert.equal(statements.filter((s) => /^UPDATE pgbench_tellers/.test(s.text)).length, 40);
      }
    });

    test('notifications and notices come through; a cancel reaches its own session only', async () => {
      const grant = await world.grant();
      const [one, two] = [await connected(world.url(grant)), await connected(world.url(grant))];
      const heard = new Promise((resolve) => one.once('notification', (message) => resolve(message.payload)));
      await one.query('listen news');
      await two.query("notify news, 'hello'");
      assert.equal(await heard, 'hello');
      await two.end();
      await one.end();

      const wire = await openWire(world.gateway.port);
      const greeted = await logInByWire(wire, grant.login, grant.secret);
      const other = await openWire(world.gateway.port);
      await logInByWire(other, grant.login, grant.secret);
      const key = greeted.find((m) => m.type === 'K')?.body ?? Buffer.alloc(0);
      wire.send(msg('Q', 'select pg_sleep(20)'));
      other.send(msg('Q', 'select pg_sleep(0.5)'));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const wrong = Buffer.from(key);
      wrong[5] = (wrong[5] ?? 0) ^ 1;
      for (const body of [wrong, key]) {
        const canceller = await openWire(world.gateway.port);
        canceller.send(int(8 + body.length), int(80_877_102), body);
        await canceller.closed;
        if (body === wrong)
          assert.equal(
            await Promise.race([wire.next(), new Promise((r) => setTimeout(r, 150, 'still'))]),
            'still',
          );
      }
      assert.equal(fields((await wire.until('E')).at(-1)).C, '57014');
      assert.equal((await other.until('Z')).map((m) => m.type).join(''), 'TDCZ');
      wire.send(msg('X'));
      other.send(msg('X'));
    });

    test('versions: 3.2 with a long key, more than 3.2 and 3.1 negotiated, 2.0 refused', async () => {
      const grant = await world.grant();
      for (const [asked, spoken, keyBytes] of [
        [0x30000, null, 8],
        [0x30002, null, 36],
        [0x3270f, 0x30002, 36],
        [0x30001, 0x30000, 8],
      ] as const) {
        const wire = await openWire(world.gateway.port);
        const seen = await logInByWire(wire, grant.login, grant.secret, { database: 'orders' }, asked);
        const told = seen.find((m) => m.type === 'v');
        assert.equal(told?.body.readUInt32BE(0) ?? null, spoken);
        assert.equal(seen.find((m) => m.type === 'K')?.body.length, keyBytes);
        wire.send(msg('X'));
      }
      const old = await openWire(world.gateway.port);
      old.send(startup({ user: 'x' }, 0x20000));
      assert.equal(fields((await old.rest())[0]).C, '0A000');
    });

    test('who may not come in is told why, and no more', async () => {
      const grant = await world.grant();
      const other = await world.grant();
      const refused = (url: string, code: string) => assert.rejects(connected(url), { code });
      await refused(world.url(grant, { secret: 'wrong' }), '28P01');
      await refused(world.url(grant, { secret: other.secret }), '28P01');
      await refused(world.url({ ...grant, login: 'nobody' }), '28P01');
      await refused(world.url(grant, { database: 'postgres' }), '28000');
      await refused(world.url(grant, { query: '?options=-c%20role%3Dpostgres' }), '42501');
      await refused(
        world.url(grant, { query: '?options=-c%20post_auth_delay%3D6%20-c%20geqo%3Doff' }),
        '42501',
      );
      await refused(world.url(grant, { query: '?options=--session_authorization%3Dpostgres' }), '42501');
      for (const [parameters, code] of [
        [{ user: grant.login, database: 'orders', client_encoding: 'SJIS' }, '22023'],
        [{ database: 'orders' }, '28000'],
        [{ user: grant.login }, '3D000'],
        [{ user: grant.login, database: 'orders', role: 'postgres' }, '42501'],
        [{ user: grant.login, database: 'orders', replication: 'database' }, '42501'],
        [{ user: grant.login, database: 'orders', client_connection_check_interval: '0' }, '42501'],
      ] as const) {
        const wire = await openWire(world.gateway.port);
        wire.send(startup(parameters));
        assert.equal(fields((await wire.rest())[0]).C, code, JSON.stringify(parameters));
      }
      const allowed = await connected(
        world.url(grant, { query: '?options=-c%20statement_timeout%3D5s%20-c%20search_path%3Dpublic' }),
      );
      assert.equal((await allowed.query('show statement_timeout')).rows[0].statement_timeout, '5s');
      assert.equal(
        (await allowed.query('show client_connection_check_interval')).rows[0]
          .client_connection_check_interval,
        '1s',
      );
      assert.match((await allowed.query('show application_name')).rows[0].application_name, /^engineer grt_/);
      await allowed.end();
      grant.over = true;
      await refused(world.url(grant), '28000');
    });
  });
}
