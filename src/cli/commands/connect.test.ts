// `sally connect` against a real PostgreSQL: the secret stays out of every argument list, the exit code is the
// client's, and the built-in prompt does what one expects of a prompt.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import {
  aGrant,
  aRequest,
  checked,
  createSally,
  type FixtureServer,
  GRANT_ID,
  problemAnswer,
  type Sally,
  startFixtureServer,
  TOKEN,
} from '../../../test/harness/cli.ts';
import { startPostgres, type TestPostgres } from '../../../test/harness/postgres.ts';
import { grant as grantSchema, issuedCredential } from '../../api/grants.ts';
import { submitted } from '../../api/requests.ts';
import { findProgram } from '../child.ts';
import { parseDsn } from '../dsn.ts';

let server: FixtureServer;
let sally: Sally;
let postgres: TestPostgres;
let password: string;
const CONNECT = ['connect', 'orders-db', '--task', 'fix-orders', '--reason', 'refund'];
const BUILT_IN = [...CONNECT, '--client', 'built-in'];

before(async () => {
  server = await startFixtureServer();
  postgres = await startPostgres({ version: 18 });
  password = parseDsn(postgres.adminUrl).password.reveal();
  const admin = new pg.Client(postgres.adminUrl);
  await admin.connect();
  await admin.query(`create table orders (id int primary key, note text, paid numeric);
    insert into orders values (1, 'first', 10.50), (2, null, 3), (3, E'\\x1b[2Jevil', null)`);
  await admin.end();
  sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
});
after(async () => {
  sally.remove();
  await server.close();
  await postgres.stop();
});

/** Someone who holds nothing yet, whom policy allows at once, and whose grant lasts `seconds`. */
function serveAccess(seconds = 3600): void {
  const grant = aGrant({ expiresAt: new Date(Date.now() + seconds * 1000).toISOString() });
  server.on('GET /api/grants', () => ({ body: { items: [], nextCursor: null } }));
  server.on('GET /api/requests', () => ({ body: { items: [], nextCursor: null } }));
  server.on('POST /api/requests', () => ({
    status: 201,
    ...checked(submitted, { request: aRequest({ state: 'approved' }), grant }),
  }));
  server.on('POST /api/grants/:id/credentials', () =>
    checked(issuedCredential, {
      dsn: postgres.adminUrl,
      expiresAt: new Date(Date.now() + seconds * 1000).toISOString(),
    }),
  );
  server.on('GET /api/grants/:id', () => checked(grantSchema, grant));
  server.on('POST /api/grants/:id/done', () =>
    checked(grantSchema, aGrant({ state: 'revoked', absentAt: new Date().toISOString() })),
  );
}

test('a command gets the access by its environment; no argument list has the secret; its exit code is ours', async () => {
  serveAccess();
  const script = 'env; echo ARGS; tr "\\0" " " </proc/$$/cmdline; tr "\\0" " " </proc/$PPID/cmdline; exit 42';
  const ended = await sally.run([...CONNECT, '--', 'sh', '-c', script], {
    env: { PGHOSTADDR: '10.0.0.1', PGOPTIONS: '-c role=x' },
  });
  assert.equal(ended.code, 42);
  const [environment = '', args = ''] = ended.stdout.split('\nARGS\n');
  assert.match(environment, new RegExp(`^PGPASSWORD=${password}$`, 'm'));
  assert.match(environment, /^DATABASE_URL=postgres:/m);
  assert.match(environment, new RegExp(`^PGPORT=${postgres.port}$`, 'm'));
  assert.doesNotMatch(environment, /PGHOSTADDR|PGOPTIONS/);
  assert.doesNotMatch(args, new RegExp(password));
  assert.match(args, /connect orders-db/);
  assert.match(ended.stderr, /is active until/);
  assert.match(ended.stderr, new RegExp(`sally done ${GRANT_ID}`));
});

test('flags of the command after -- are its own', async () => {
  serveAccess();
  const ended = await sally.run([
    'connect',
    'orders-db',
    '--task',
    'fix-orders',
    '--reason',
    'x',
    '--',
    'echo',
    '--json',
    '--task',
    '-n',
  ]);
  assert.equal(ended.code, 0);
  assert.equal(ended.stdout, '--json --task -n\n');
});

test('--done gives the grant back, also when the command cannot be run', async () => {
  serveAccess();
  const ended = await sally.run([...CONNECT, '--done', '--', 'false']);
  assert.equal(ended.code, 1);
  assert.equal(server.calls.at(-1)?.path, `/api/grants/${GRANT_ID}/done`);
  assert.equal(ended.stdout, '');
  assert.match(ended.stderr, /revoked, verified on the target/);
  const missing = await sally.run([...CONNECT, '--done', '--', 'no-such-program']);
  assert.equal(missing.code, 2);
  assert.equal(server.calls.at(-1)?.path, `/api/grants/${GRANT_ID}/done`);
});

test('psql runs when it is on the path', async (context) => {
  if (findProgram('psql', process.env.PATH ?? '') === null) return context.skip('psql is not installed here');
  serveAccess();
  const ended = await sally.run([...CONNECT], {
    stdin: "\\pset format unaligned\nselect 'by ' || 'psql' as it;\n",
  });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /Output format is unaligned/);
  assert.match(ended.stdout, /by psql/);
});

test('without psql the built-in prompt takes over, unless psql was asked for', async () => {
  serveAccess();
  const env = { PATH: '/nowhere' };
  const ended = await sally.run([...CONNECT], { env, stdin: "select 'built' || '-in' as it;" });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /built-in/);
  const none = await sally.run([...CONNECT, '--client', 'psql'], { env });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no psql/);
});

test('an active grant is used again; one without secrets left is passed over', async () => {
  serveAccess();
  server.on('GET /api/grants', () => ({
    body: { items: [aGrant({ id: `grt_${'1'.repeat(26)}` })], nextCursor: null },
  }));
  const asked = () =>
    server.calls.filter((call) => call.method === 'POST' && call.path === '/api/requests').length;
  const before = asked();
  assert.equal((await sally.run(['connect', 'orders-db', '--', 'true'])).code, 0);
  assert.equal(asked(), before);
  server.on('POST /api/grants/:id/credentials', (call) =>
    call.path.includes('grt_111')
      ? problemAnswer(429, 'too-many-credentials', 'This grant has its 5 secrets already.')
      : checked(issuedCredential, {
          dsn: postgres.adminUrl,
          expiresAt: new Date(Date.now() + 60_000).toISOString(),
        }),
  );
  assert.equal((await sally.run([...CONNECT, '--', 'true'])).code, 0);
  assert.equal(asked(), before + 1);
});

test('a request of the same that waits already is gone on with, not made again', async () => {
  serveAccess();
  server.on('GET /api/requests', () => ({ body: { items: [aRequest()], nextCursor: null } }));
  server.on('GET /api/requests/:id', () =>
    checked(submitted, { request: aRequest({ state: 'approved' }), grant: aGrant() }),
  );
  const asked = () =>
    server.calls.filter((call) => call.method === 'POST' && call.path === '/api/requests').length;
  const before = asked();
  const ended = await sally.run([...CONNECT, '--', 'true']);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Going on with request req_/);
  assert.equal(asked(), before);
  assert.equal((await sally.run([...CONNECT, '--for', '5m', '--', 'true'])).code, 0);
  assert.equal(asked(), before + 1, 'another duration is another request');
});

test('refused: 4, why, and no client', async () => {
  serveAccess();
  server.on('POST /api/requests', () => ({
    status: 201,
    ...checked(submitted, { request: aRequest({ state: 'denied' }), grant: null }),
  }));
  const ended = await sally.run([...CONNECT, '--', 'echo', 'ran']);
  assert.equal(ended.code, 4);
  assert.equal(ended.stdout, '');
  assert.match(ended.stderr, /is denied/);
});

test('the prompt: tables on stdout, the rest on stderr; escapes of the data are shown', async () => {
  serveAccess();
  const stdin = `-- a comment
select id, note, paid
  from orders -- ; not here
  order by id;
do $$ begin raise notice 'look; here'; end $$;
update orders set paid = 4 where id = 2; select 'last' as "no semicolon"`;
  const ended = await sally.run(BUILT_IN, { stdin });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(
    ended.stdout,
    / id \| note +\| +paid\n-+\+-+\+-+\n {2}1 \| first +\| 10\.50\n {2}2 \| +\| {5}3\n {2}3 \| \\x1b\[2Jevil \|/,
  );
  assert.match(ended.stdout, /last/);
  assert.equal(ended.stdout.includes('\u001b'), false);
  assert.match(ended.stderr, /\(3 rows\)/);
  assert.match(ended.stderr, /NOTICE: look; here/);
  assert.match(ended.stderr, /UPDATE 1/);
});

test('the prompt stops a pipe at the first error with SQLSTATE and hint, exit 1', async () => {
  serveAccess();
  const ended = await sally.run(BUILT_IN, { stdin: 'select nto from orders; select 1 as never;' });
  assert.equal(ended.code, 1);
  assert.doesNotMatch(ended.stdout, /never/);
  assert.match(ended.stderr, /ERROR: column "nto" does not exist \(42703\)/);
  const copy = await sally.run(BUILT_IN, { stdin: 'copy orders to stdout;' });
  assert.equal(copy.code, 1);
  assert.match(copy.stderr, /needs psql/);
});

test('the prompt: \\d lists and describes, \\q ends, an unknown one says what there is', async () => {
  serveAccess();
  const ended = await sally.run(BUILT_IN, { stdin: '\\d\n\\d orders\n\\q\nselect 1 as never;\n' });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /public \| orders \| table/);
  assert.match(ended.stdout, /paid +\| numeric/);
  assert.doesNotMatch(ended.stdout, /never/);
  assert.equal((await sally.run(BUILT_IN, { stdin: '\\nope\n' })).code, 1);
});

test('the prompt with --json: one object a statement', async () => {
  serveAccess();
  const ended = await sally.run([...BUILT_IN, '--json'], {
    stdin: 'select id, note from orders where id < 3 order by id; delete from orders where false;',
  });
  assert.equal(ended.code, 0, ended.stderr);
  const told = ended.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(told, [
    {
      command: 'SELECT',
      rowCount: 2,
      columns: ['id', 'note'],
      rows: [
        ['1', 'first'],
        ['2', null],
      ],
    },
    { command: 'DELETE', rowCount: 0, columns: [], rows: [] },
  ]);
});

test('a large result comes whole through a pipe', async () => {
  serveAccess();
  const ended = await sally.run(BUILT_IN, { stdin: 'select n from generate_series(1, 20000) n;' });
  assert.equal(ended.stdout.trimEnd().split('\n').length, 20_002);
});

test('a session that is cut at the deadline says so and exits 6; one that is ended before, 1', async () => {
  for (const [seconds, code] of [
    [1, 6],
    [3600, 1],
  ] as const) {
    serveAccess(seconds);
    const ended = await sally.run(BUILT_IN, { stdin: 'select pg_terminate_backend(pg_backend_pid());' });
    assert.equal(ended.code, code);
    assert.match(ended.stderr, /The session was ended: /);
  }
});

test('Ctrl-C in a pipe cancels the statement on the target and exits 130', async () => {
  serveAccess();
  const started = Date.now();
  const ended = await sally.run([...BUILT_IN], {
    stdin: "do $$ begin raise notice 'running'; perform pg_sleep(20); end $$;",
    when: { text: 'running', act: (kill) => kill('SIGINT') },
  });
  assert.equal(ended.code, 130, ended.stderr);
  assert.ok(Date.now() - started < 10_000);
  const admin = new pg.Client(postgres.adminUrl);
  await admin.connect();
  const { rows } = await admin.query(
    "select count(*)::int as n from pg_stat_activity where application_name = 'sally'",
  );
  await admin.end();
  assert.equal(rows[0].n, 0);
});

test('a secret that the gateway refuses shows its words and not the secret', async () => {
  serveAccess();
  const wrong = new URL(postgres.adminUrl);
  wrong.password = 'wrong-canary';
  wrong.port = '1';
  server.on('POST /api/grants/:id/credentials', () =>
    checked(issuedCredential, { dsn: wrong.href, expiresAt: new Date(Date.now() + 60_000).toISOString() }),
  );
  const ended = await sally.run(BUILT_IN, { stdin: 'select 1;' });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /The gateway refused the session/);
  assert.doesNotMatch(ended.stderr, /wrong-canary/);
});
