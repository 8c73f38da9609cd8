// Real clients, each with one program that goes through what the client can do: run against the server itself and
// through the gateway with the same login, it has to hear the same, word for word. What differs by design is in
// docs/clients.md; backend process ids are the one thing that is taken out here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startWorld, type World, type WorldGrant } from '../harness/gateway-world.ts';
import { type ServiceName, services, skipWithout } from '../harness/services.ts';

const RUN_LIMIT_MS = 120_000;
const CLIENTS = join(import.meta.dirname, 'clients');

/** How a client comes to the gateway. `tls`: as in sslmode, `direct` as in sslnegotiation. */
interface Way {
  tls: 'off' | 'prefer' | 'require' | 'direct';
  protocol: '3.0' | '3.2';
}
const PLAIN: Way = { tls: 'off', protocol: '3.0' };
const PREFERRED: Way = { tls: 'prefer', protocol: '3.0' };
const REQUIRED: Way = { tls: 'require', protocol: '3.0' };
const DIRECT: Way = { tls: 'direct', protocol: '3.0' };
const NEWEST: Way = { tls: 'direct', protocol: '3.2' };

interface Client {
  name: string;
  needs: ServiceName[];
  command: (way: Way) => string[];
  ways: Way[];
  /** So that a program that stops in the middle is not equal to itself. */
  steps: number;
}

const CLIENTS_RUN: Client[] = [
  {
    name: 'node-postgres',
    needs: [],
    command: () => [process.execPath, join(CLIENTS, 'node-postgres.ts')],
    ways: [PLAIN, REQUIRED, DIRECT],
    steps: 17,
  },
  {
    name: 'postgres.js',
    needs: [],
    command: () => [process.execPath, join(CLIENTS, 'postgres-js.ts')],
    ways: [PLAIN, REQUIRED, DIRECT],
    steps: 18,
  },
  {
    name: 'psycopg',
    needs: ['psycopg'],
    command: () => [services.psycopg ?? '', join(CLIENTS, 'psycopg-3.py')],
    ways: [PLAIN, PREFERRED, DIRECT, NEWEST],
    steps: 27,
  },
  {
    name: 'pgx',
    needs: ['pgx'],
    command: () => [services.pgx ?? ''],
    ways: [PLAIN, PREFERRED, NEWEST],
    steps: 22,
  },
  {
    name: 'jdbc',
    needs: ['java', 'jdbc'],
    command: () => [services.java ?? '', '-cp', services.jdbc ?? '', join(CLIENTS, 'Jdbc.java')],
    ways: [PLAIN, NEWEST],
    steps: 18,
  },
];

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(command: string[], env: NodeJS.ProcessEnv, onStart?: (pid: number) => void): Promise<Ran> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, timeout: RUN_LIMIT_MS });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.stdin.end();
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    if (child.pid !== undefined) onStart?.(child.pid);
  });
}

interface Place {
  port: number;
  password: string;
}

function libpqVariables(grant: WorldGrant, place: Place, way: Way): NodeJS.ProcessEnv {
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(place.port),
    PGUSER: grant.login,
    PGPASSWORD: place.password,
    PGDATABASE: 'orders',
    PGSSLMODE: way.tls === 'off' ? 'disable' : way.tls,
    PSQLRC: '/nonexistent',
    LC_ALL: 'C.UTF-8',
  };
}

/** The steps that a client told, by name. */
function stepsOf(ran: Ran): Map<string, unknown> {
  assert.equal(ran.code, 0, ran.stderr);
  const steps = new Map<string, unknown>();
  for (const line of ran.stdout.split('\n')) {
    if (line === '') continue;
    const told: { step?: string; value?: unknown } = JSON.parse(line);
    if (told.step !== undefined) steps.set(told.step, told.value);
  }
  assert.ok(steps.has('end'), ran.stdout);
  return steps;
}

async function clientGrant(
  world: World,
  table: string,
  guard: Partial<WorldGrant['guard']> = {},
): Promise<WorldGrant> {
  await world.admin.query(
    `create table ${table} (id int primary key, note text, amount numeric(8,2) check (amount >= 0))`,
  );
  return world.grant({
    guard,
    rights: [`grant select, insert, update, delete on ${table} to $`, 'grant select on peer_types to $'],
  });
}

const MADE = `
  create table peer_types (n int, b bigint, s smallint, num numeric, f float8, t text, bl bool, "by" bytea,
    ts timestamptz, d date, iv interval, u uuid, j jsonb, a int[], ta text[], nothing text);
  insert into peer_types values
    (1, 9223372036854775807, -3, 12345678901234567890.123, 0.1, E'g\\u00fcn\\t\\u65e5\\u672c', true, '\\x00ff10',
     '2026-11-28 12:34:56.789+02', '2026-02-28', '1 year 2 days 03:04:05.6', '0190163d-8694-739b-aea5-966c26f8ad91',
     '{"a": [1, null, "\\u00fc"]}', '{1,NULL,3}', '{"a,b","c\\"d",""}', null),
    (2, 0, 0, 'NaN', '-infinity', '', false, '', 'infinity', '-infinity', '0', null, 'null', '{}', null, null);
  create function peer_notice(times int) returns int language plpgsql as $$ begin
    if times < 0 then raise exception 'not %', times using errcode = 'P0099', detail = 'fewer than none', hint = 'More.'; end if;
    for i in 1..times loop raise notice 'notice %', i using detail = 'of ' || times; end loop;
    raise warning 'enough' using hint = 'Stop.', errcode = '01P42';
    return times;
  end $$;`;

for (const version of [18, 15] as const) {
  describe(`clients on PostgreSQL ${version}`, {
    skip: version === 15 ? skipWithout('postgres15') : false,
  }, () => {
    let world: World;
    before(async () => {
      world = await startWorld({ version });
      await world.admin.query(MADE);
    });
    after(() => world.stop());

    const gateway = (grant: WorldGrant): Place => ({ port: world.gateway.port, password: grant.secret });
    const server = (grant: WorldGrant): Place => ({ port: world.target.port, password: grant.password });

    for (const client of CLIENTS_RUN) {
      // What a version of the server changes is heard by two of them as well as by all.
      if (version === 15 && !['psycopg', 'node-postgres'].includes(client.name)) continue;
      const ways = version === 15 ? client.ways.slice(-1) : client.ways;
      const title = `${client.name}: ${ways.map((way) => `TLS ${way.tls}, protocol ${way.protocol}`).join('; ')}`;
      test(title, { skip: skipWithout(...client.needs) }, async () => {
        const table = `peer_${client.name.replaceAll(/[^a-z]/g, '_')}`;
        const grant = await clientGrant(world, table);
        const told = async (place: Place, way: Way) => {
          const variables = {
            PEER_HOST: '127.0.0.1',
            PEER_PORT: String(place.port),
            PEER_USER: grant.login,
            PEER_PASSWORD: place.password,
            PEER_DATABASE: 'orders',
            PEER_TABLE: table,
            PEER_TLS: way.tls,
            PEER_PROTOCOL: way.protocol,
          };
          return stepsOf(await run(client.command(way), variables));
        };
        // A server without TLS, which 15 speaks 3.0 only; 18 speaks both.
        const from = new Map<string, Map<string, unknown>>();
        for (const way of ways) {
          const protocol = version === 15 ? '3.0' : way.protocol;
          const direct = from.get(protocol) ?? (await told(server(grant), { tls: 'off', protocol }));
          from.set(protocol, direct);
          assert.ok(direct.size >= client.steps, `only ${direct.size} steps`);
          const through = await told(gateway(grant), way);
          assert.deepEqual([...through.keys()], [...direct.keys()]);
          for (const [name, value] of direct)
            assert.deepEqual(through.get(name), value, `${name}, TLS ${way.tls}, protocol ${way.protocol}`);
        }
      });
    }

    test('psql: TLS off, preferred and required', { skip: skipWithout('psql') }, async () => {
      const grant = await clientGrant(world, 'peer_psql');
      const told = async (place: Place, way: Way) => {
        await world.admin.query('truncate peer_psql');
        const command = [services.psql ?? '', '-X', '-v', 'table=peer_psql', '-f', join(CLIENTS, 'psql.sql')];
        const { code, stdout, stderr } = await run(command, libpqVariables(grant, place, way));
        assert.equal(code, 0, stderr);
        // What no parser can read is answered by the gateway, in the server's words, but not from a line of its source.
        return [stdout, stderr].map((text) =>
          text.replaceAll(/PID \d+/g, 'PID').replace(/^LOCATION: {2}scanner_yyerror.*\n/m, ''),
        );
      };
      const direct = await told(server(grant), PLAIN);
      assert.match(direct[0] ?? '', /Asynchronous notification "peer"/);
      assert.match(direct[1] ?? '', /P0099: not -1[\s\S]*LOCATION/);
      for (const way of [PLAIN, PREFERRED, REQUIRED])
        assert.deepEqual(await told(gateway(grant), way), direct);
    });

    test('psql: Ctrl-C stops the statement', { skip: skipWithout('psql') }, async () => {
      const grant = await world.grant();
      for (const place of [server(grant), gateway(grant)]) {
        const command = [services.psql ?? '', '-X', '-c', 'select pg_sleep(100)'];
        const { stderr } = await run(command, libpqVariables(grant, place, PREFERRED), (pid) => {
          void whenAsleep(world, grant).then(() => process.kill(pid, 'SIGINT'));
        });
        assert.match(stderr, /canceling statement due to user request/);
      }
    });

    test('pg_dump', {
      skip: version === 15 ? false : 'Debian’s pg_dump 15 reads no newer server',
    }, async () => {
      const relations = ['peer_types', 'peer_pg_dump'].map((name) => ({
        verb: 'select',
        object: `public.${name}`,
      }));
      const lists = { mode: 'enforce' as const, relations, functions: [] };
      const grant = await clientGrant(world, 'peer_pg_dump', { lists });
      await world.admin.query(
        `insert into peer_pg_dump select n, 'note ' || n, n from generate_series(1, 5000) n`,
      );
      const told = async (place: Place, way: Way, more: string[]) => {
        const command = [
          join(services.postgres15 ?? '', 'pg_dump'),
          '-t',
          'peer_types',
          '-t',
          'peer_pg_dump',
          ...more,
        ];
        const { code, stdout, stderr } = await run(command, libpqVariables(grant, place, way));
        assert.equal(code, 0, stderr);
        // Newer ones fence their text with a key of their own.
        return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
      };
      for (const more of [[], ['--inserts', '--rows-per-insert=100']]) {
        const direct = await told(server(grant), PLAIN, more);
        assert.ok(direct.length > 100_000);
        assert.equal(await told(gateway(grant), REQUIRED, more), direct);
      }
    });
  });
}

async function whenAsleep(world: World, grant: WorldGrant): Promise<void> {
  for (;;) {
    const { rowCount } = await world.admin.query(
      `select from pg_stat_activity where usename = $1 and state = 'active' and query like '%pg_sleep(100)%'`,
      [grant.login],
    );
    if (rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
