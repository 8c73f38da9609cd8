// Targets, tasks and sessions, as an administrator or auditor meets them on the command line.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  aRequest,
  checked,
  createSally,
  type FixtureServer,
  GRANT_ID,
  type Sally,
  SESSION_ID,
  startFixtureServer,
  TOKEN,
} from '../../../test/harness/cli.ts';
import { receipt } from '../../api/grants.ts';
import { session, sessionDetail, statement } from '../../api/sessions.ts';
import { checkReport, target as targetSchema, task as taskSchema } from '../../api/targets.ts';

let server: FixtureServer;
let sally: Sally;
before(async () => {
  server = await startFixtureServer();
  sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
});
after(async () => {
  sally.remove();
  await server.close();
});

const NOW = '2026-11-02T12:00:00.000Z';
const GOOD = {
  ok: true,
  checkedAt: NOW,
  items: [{ name: 'version', status: 'ok' as const, detail: 'PostgreSQL 18' }],
};
const BAD = {
  ok: false,
  checkedAt: NOW,
  items: [
    {
      name: 'create roles',
      status: 'fail' as const,
      detail: 'the administrator may not',
      fix: 'ALTER ROLE sally_admin\n  CREATEROLE;',
    },
  ],
};
const TARGET = targetSchema.parse({
  name: 'orders-db',
  kind: 'postgres',
  segment: 'prod/eu/orders',
  environment: 'prod',
  sensitivity: 'normal',
  owner: null,
  address: 'db.internal:5433/orders',
  capabilities: {
    endsSessions: true,
    nativeExpiry: true,
    revocableCredential: true,
    smallestDurationSeconds: 1,
    promise: 'Ends sessions.',
  },
  tasks: ['read-orders'],
  nodes: [],
  activeGrants: 0,
  check: null,
});
const ADD = [
  'target',
  'add',
  'orders-db',
  '--segment',
  'prod/eu/orders',
  '--environment',
  'prod',
  '--host',
  'db.internal',
  '--port',
  '5433',
  '--database',
  'orders',
  '--admin-user',
  'sally_admin',
];

test('target add takes the password from a variable, a file or stdin, checks, and never prints it', async () => {
  server.on('POST /api/targets', () => checked(targetSchema, TARGET));
  server.on('POST /api/targets/:name/check', () => checked(checkReport, GOOD));
  writeFileSync(join(sally.home, 'password'), 'canary-1\nnot this line\n');
  for (const [flags, options] of [
    [['--password-env', 'DB_ADMIN'], { env: { DB_ADMIN: 'canary-1' } }],
    [['--password-file', 'password'], {}],
    [['--password-file', '-'], { stdin: 'canary-1\n' }],
  ] as const) {
    const ended = await sally.run([...ADD, ...flags, '--json'], options);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(Object.keys(JSON.parse(ended.stdout)), ['target', 'check']);
    assert.doesNotMatch(ended.stdout + ended.stderr, /canary/);
    assert.deepEqual(server.calls.findLast((call) => call.path === '/api/targets')?.body, {
      name: 'orders-db',
      kind: 'postgres',
      segment: 'prod/eu/orders',
      environment: 'prod',
      sensitivity: 'normal',
      settings: { host: 'db.internal', port: 5433, database: 'orders' },
      admin: { user: 'sally_admin', password: 'canary-1' },
    });
  }
});

test('target add without a password, with an unset variable, or with a name that cannot be: 2, nothing sent', async () => {
  const sent = server.calls.length;
  const wrongName = ADD.map((arg) => (arg === 'orders-db' ? 'Orders DB' : arg));
  for (const args of [
    ADD,
    [...ADD, '--password-env', 'NOT_SET'],
    [...ADD, '--password-file', 'nowhere'],
    [...ADD, '--port', '0', '--password-file', '-'],
    [...wrongName, '--password-file', '-'],
  ]) {
    const ended = await sally.run(args, { stdin: 'x\n' });
    assert.equal(ended.code, 2, args.join(' '));
  }
  assert.equal(server.calls.length, sent);
});

test('target check prints the SQL to paste and exits 1 when something fails', async () => {
  server.on('POST /api/targets/:name/check', () => checked(checkReport, BAD));
  const ended = await sally.run(['target', 'check', 'orders-db']);
  assert.equal(ended.code, 1);
  assert.match(
    ended.stdout,
    /fail {2}create roles: the administrator may not\n +ALTER ROLE sally_admin\n +CREATEROLE;/,
  );
  const json = await sally.run(['target', 'check', 'orders-db', '--json']);
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.stdout), BAD);
});

test('names go into paths escaped', async () => {
  await sally.run(['target', 'check', '../me?x=#y']);
  assert.equal(server.calls.at(-1)?.path, '/api/targets/..%2Fme%3Fx%3D%23y/check');
});

test('lists: targets, tasks, standing access as arrays', async () => {
  server.on('GET /api/targets', () => ({ body: { items: [TARGET] } }));
  server.on('GET /api/tasks', () => ({
    body: {
      items: [
        {
          name: 'read-orders',
          kind: 'postgres',
          description: 'Read',
          segment: null,
          parent: null,
          rights: ['SELECT on orders'],
        },
      ],
    },
  }));
  server.on('GET /api/targets/:name/standing-access', () => ({
    body: {
      items: [
        {
          principal: 'dba',
          canLogin: true,
          superuser: true,
          parent: null,
          rights: ['everything'],
          through: [],
          lastUsedAt: null,
          explainedBy: null,
        },
      ],
    },
  }));
  for (const [args, name] of [
    [['target', 'list'], 'orders-db'],
    [['task', 'list'], 'read-orders'],
    [['target', 'standing-access', 'orders-db'], 'dba'],
  ] as const) {
    assert.match((await sally.run([...args])).stdout, new RegExp(name));
    assert.equal(JSON.parse((await sally.run([...args, '--json'])).stdout).length, 1);
  }
});

test('task add reads YAML and JSON, and names what is wrong in it', async () => {
  server.on('POST /api/tasks', () =>
    checked(taskSchema, {
      name: 'read-orders',
      kind: 'postgres',
      description: 'Read',
      segment: null,
      parent: null,
      rights: ['SELECT on orders'],
    }),
  );
  const task = { name: 'read-orders', kind: 'postgres', description: 'Read', entitlement: { schemas: [] } };
  writeFileSync(join(sally.home, 'task.json'), JSON.stringify(task));
  writeFileSync(
    join(sally.home, 'task.yaml'),
    'name: read-orders\nkind: postgres\ndescription: Read\nentitlement:\n  schemas: []\n',
  );
  for (const file of ['task.json', 'task.yaml']) {
    assert.equal((await sally.run(['task', 'add', '--from', file])).code, 0);
    assert.deepEqual(server.calls.at(-1)?.body, task);
  }
  writeFileSync(join(sally.home, 'bad.yaml'), 'name: read-orders\nkind: postgres\n');
  const bad = await sally.run(['task', 'add', '--from', 'bad.yaml']);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /bad\.yaml: description/);
  writeFileSync(join(sally.home, 'worse.yaml'), 'name: [');
  assert.equal((await sally.run(['task', 'add', '--from', 'worse.yaml'])).code, 2);
});

test('a session comes whole, page after page', async () => {
  const one = session.parse({
    id: SESSION_ID,
    grantId: GRANT_ID,
    principal: aRequest().requester,
    target: 'orders-db',
    task: 'fix-orders',
    live: false,
    clientAddress: '127.0.0.1',
    application: 'psql',
    startedAt: NOW,
    endedAt: NOW,
    endReason: 'deadline',
    statements: 3,
    refused: 1,
    errors: 0,
    rowsRead: 3,
    bytesRead: 2048,
    bytesWritten: 0,
    recordingHash: 'h',
    kept: { seconds: null, until: null, hold: null, removedAt: null },
  });
  const said = (index: number, verdict: 'passed' | 'refused') =>
    statement.parse({
      index,
      at: NOW,
      offsetMs: index,
      text: `select ${index}\n  as n`,
      protocol: 'simple',
      verdict,
      rows: 1,
      bytes: 10,
      durationMs: 1.25,
      error: null,
      exit: null,
      sha256: null,
    });
  server.on('GET /api/sessions/:id', (call) => {
    const second = call.query.get('cursor') === 'next';
    return checked(sessionDetail, {
      ...one,
      recording: { state: 'closed', intact: true, problem: null },
      statementList: second ? [said(2, 'refused')] : [said(0, 'passed'), said(1, 'passed')],
      nextCursor: second ? null : 'next',
    });
  });
  const json = JSON.parse((await sally.run(['session', SESSION_ID, '--json'])).stdout);
  assert.deepEqual(
    json.statementList.map((s: { index: number }) => s.index),
    [0, 1, 2],
  );
  assert.equal(json.nextCursor, null);
  const people = await sally.run(['session', SESSION_ID], { env: { COLUMNS: '100' } });
  assert.match(people.stdout, /3 statements, 1 refused/);
  assert.match(people.stdout, /refused +select 2 as n/);
  server.on('GET /api/sessions', () => ({ body: { items: [one], nextCursor: null } }));
  assert.equal(
    JSON.parse((await sally.run(['sessions', '--state', 'ended', '--mine', '--json'])).stdout)[0].grantId,
    GRANT_ID,
  );
});

test('a receipt says what was used and what would have been enough', async () => {
  server.on('GET /api/grants/:id/receipt', () =>
    checked(receipt, {
      grantId: GRANT_ID,
      asked: { task: 'fix-orders', durationSeconds: 3600, reason: 'refund' },
      heldSeconds: 600,
      usedSeconds: 20,
      read: { rows: 12, bytes: 3_400, mostRows: 100, mostBytes: null },
      sessions: 1,
      statements: 2,
      used: [{ right: 'SELECT on orders', statements: 2, rows: 5 }],
      unused: ['UPDATE on orders'],
      beyond: [{ what: 'select customers', statements: 3 }],
      leftBehind: [],
      narrower: 'read-orders for 15m',
    }),
  );
  const ended = await sally.run(['receipt', GRANT_ID]);
  assert.match(ended.stdout, /held 10 min, used 20 s/);
  assert.match(ended.stdout, /not used +UPDATE on orders/);
  assert.match(ended.stdout, /beyond +select customers \(3 statements\)/);
  assert.match(ended.stdout, /next time +read-orders for 15m/);
});
