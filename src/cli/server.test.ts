// Which server, as whom, and what happens when it does not answer well.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  aGrant,
  checked,
  createSally,
  type FixtureServer,
  problemAnswer,
  type Sally,
  startFixtureServer,
  TOKEN,
} from '../../test/harness/cli.ts';
import { me } from '../api/people.ts';

const OTHER_TOKEN = TOKEN.replace('t0ken', 'other');
let server: FixtureServer;
let other: FixtureServer;
let sally: Sally;

before(async () => {
  server = await startFixtureServer();
  other = await startFixtureServer();
  sally = createSally({});
  for (const one of [server, other]) {
    one.on('GET /api/me', (call) =>
      call.token === TOKEN || call.token === OTHER_TOKEN
        ? checked(me, {
            id: 'prn_01jd2q0v6w8x9y0z1a2b3c4d5a',
            name: call.token === TOKEN ? 'engineer' : 'approver',
            displayName: 'Erin Engineer',
            kind: 'person',
            groups: ['engineers'],
            rights: [],
            demo: true,
            version: '0.1.0',
          })
        : problemAnswer(401, 'unauthenticated', 'This token is not valid.', { hint: 'Sign in again.' }),
    );
    one.on('GET /api/grants', () => ({ body: { items: [], nextCursor: null } }));
  }
});
after(async () => {
  sally.remove();
  await server.close();
  await other.close();
});

test('login takes the token from stdin, keeps it with mode 0600 for that server, and whoami uses it', async () => {
  const ended = await sally.run(['login', '--server', server.url, '--json'], { stdin: `${TOKEN}\n` });
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(JSON.parse(ended.stdout), {
    server: server.url,
    name: 'engineer',
    displayName: 'Erin Engineer',
  });
  const file = join(sally.home, '.config', 'sallyport', 'logins.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const who = await sally.run(['whoami', '--json']);
  assert.equal(JSON.parse(who.stdout).name, 'engineer');
  assert.equal(JSON.parse(who.stdout).server, server.url);
});

test('a stored token goes to its own server only', async () => {
  const ended = await sally.run(['grants'], { env: { SALLY_SERVER: other.url } });
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, /sally login/);
  assert.equal(other.calls.length, 0);
});

test('a token that the server refuses is not kept', async () => {
  const ended = await sally.run(['login', '--server', other.url], { stdin: 'sally_wrong\n' });
  assert.equal(ended.code, 3);
  assert.doesNotMatch(ended.stderr + ended.stdout, /sally_wrong/);
  assert.doesNotMatch(
    readFileSync(join(sally.home, '.config', 'sallyport', 'logins.json'), 'utf8'),
    /sally_wrong/,
  );
});

test('SALLY_TOKEN wins over the stored login; XDG_CONFIG_HOME moves it; logout forgets it', async () => {
  const as = await sally.run(['whoami', '--json'], { env: { SALLY_TOKEN: OTHER_TOKEN } });
  assert.equal(JSON.parse(as.stdout).name, 'approver');
  const elsewhere = await sally.run(['whoami'], {
    env: { XDG_CONFIG_HOME: join(sally.home, 'xdg'), SALLY_SERVER: server.url },
  });
  assert.equal(elsewhere.code, 3);
  assert.equal(JSON.parse((await sally.run(['logout', '--json'])).stdout).forgotten, true);
  assert.equal((await sally.run(['whoami'], { env: { SALLY_SERVER: server.url } })).code, 3);
});

test("--as takes the demo's token and server for one command, and not to another machine", async () => {
  const data = join(sally.home, 'demo');
  mkdirSync(data, { recursive: true });
  const people = { engineer: { token: TOKEN }, approver: { token: OTHER_TOKEN } };
  writeFileSync(join(data, 'demo.json'), JSON.stringify({ server: server.url, people, targets: {} }));
  const env = { SALLY_DATA: data };
  const who = await sally.run(['whoami', '--as', 'approver', '--json'], { env });
  assert.equal(JSON.parse(who.stdout).name, 'approver', who.stderr);
  assert.equal(
    JSON.parse((await sally.run(['--as', 'engineer', 'whoami', '--json'], { env })).stdout).name,
    'engineer',
  );
  const nobody = await sally.run(['whoami', '--as', 'mallory'], { env });
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /engineer, approver/);
  const away = await sally.run(['whoami', '--as', 'engineer', '--server', 'https://sally.example'], { env });
  assert.equal(away.code, 2);
  const hint = await sally.run(['whoami'], { env: { ...env, SALLY_SERVER: server.url } });
  assert.equal(hint.code, 3);
  assert.match(hint.stderr, /sally login --as engineer/);
});

test('a token does not leave this machine over plain HTTP', async () => {
  const ended = await sally.run(['whoami'], {
    env: { SALLY_SERVER: 'http://sally.example', SALLY_TOKEN: TOKEN },
  });
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /https/);
});

test('nothing listens there: 7, one line and a hint; as JSON on stderr', async () => {
  const gone = await startFixtureServer();
  await gone.close();
  const env = { SALLY_SERVER: gone.url, SALLY_TOKEN: TOKEN };
  const plain = await sally.run(['grants'], { env });
  assert.equal(plain.code, 7);
  assert.match(plain.stderr, /cannot be reached \(ECONNREFUSED\)/);
  assert.match(plain.stderr, /npm start/);
  const json = await sally.run(['grants', '--json'], { env });
  assert.equal(json.code, 7);
  assert.equal(json.stdout, '');
  assert.equal(JSON.parse(json.stderr).code, 'server-unreachable');
  assert.equal(JSON.parse(json.stderr).exitCode, 7);
});

for (const [status, code, exit] of [
  [422, 'invalid-duration', 2],
  [413, 'too-large', 2],
  [401, 'unauthenticated', 3],
  [403, 'may-not', 4],
  [404, 'unknown-grant', 1],
  [409, 'already-decided', 1],
  [409, 'request-expired', 6],
  [429, 'too-many', 1],
  [503, 'target-unreachable', 1],
  [504, 'still-granting', 5],
] as const) {
  test(`problem ${status} ${code} exits ${exit} with the server's words and hint`, async () => {
    server.on('GET /api/grants', () =>
      problemAnswer(status, code, 'What is wrong.', { hint: 'What to do.' }),
    );
    const env = { SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN };
    const json = await sally.run(['grants', '--json'], { env });
    assert.equal(json.code, exit);
    assert.equal(json.stdout, '');
    const told = JSON.parse(json.stderr);
    assert.deepEqual([told.code, told.detail, told.hint], [code, 'What is wrong.', 'What to do.']);
  });
}

test('something else than Sallyport answers: told so, 1', async () => {
  const env = { SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN };
  for (const answer of [
    { raw: '<html>' },
    { body: { items: [{ id: 1 }] } },
    { status: 502, raw: 'bad gateway' },
  ]) {
    server.on('GET /api/grants', () => answer);
    const ended = await sally.run(['grants'], { env });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /does not answer as this version of Sallyport does/);
  }
});

test('a list follows its pages up to --limit', async () => {
  server.on('GET /api/grants', (call) => {
    const from = Number(call.query.get('cursor') ?? '0');
    const count = Number(call.query.get('limit'));
    const items = Array.from({ length: count }, (_, i) =>
      aGrant({ id: `grt_${String(from + i).padStart(26, '0')}` }),
    );
    return { body: { items, nextCursor: String(from + count) } };
  });
  const env = { SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN };
  const ended = await sally.run(['grants', '--state', 'active', '--mine', '--limit', '450', '--json'], {
    env,
  });
  const ids = JSON.parse(ended.stdout).map((grant: { id: string }) => grant.id);
  assert.equal(ids.length, 450);
  assert.equal(new Set(ids).size, 450);
  assert.equal(server.calls.at(-1)?.query.get('view'), 'mine');
  assert.equal(server.calls.at(-1)?.query.get('limit'), '50');
  const bad = await sally.run(['grants', '--state', 'gone'], { env });
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /active, revoking/);
});

test('a table fits the width that it is given', async () => {
  server.on('GET /api/break-glass', () => ({ body: { items: [], reviewsWaiting: 0, reviewsOverdue: 0 } }));
  server.on('GET /api/grants', () => ({
    body: { items: [aGrant({ lastError: 'x'.repeat(300) })], nextCursor: null },
  }));
  const env = { SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN, COLUMNS: '120' };
  const ended = await sally.run(['grants'], { env });
  for (const line of ended.stdout.split('\n')) assert.ok(line.length <= 120, line);
  assert.match(ended.stdout, /…/);
  assert.match(ended.stdout, /grt_01jd2q0v6w8x9y0z1a2b3c4d5f/);
});
