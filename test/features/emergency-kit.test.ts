// An emergency kit through its life: made, handed out, opened offline by a quorum while Sallyport is stopped, found
// when it is back, revoked, reviewed and made anew; then a drill, a check that finds what somebody changed, and its end.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { brokenGlassList, drill, drillList, review } from '../../src/api/break-glass.ts';
import { health } from '../../src/api/health.ts';
import { type Kit, kitList, kit as kitSchema } from '../../src/api/kits.ts';
import { noticePage } from '../../src/api/notices.ts';
import { issuedToken } from '../../src/api/people.ts';
import { standingAccess } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { type CliResult, type Person, runCli, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { services } from '../harness/services.ts';

const SEGMENT = 'prod/eu/ledger';
const HOLDERS = ['engineer', 'approver', 'second-approver'] as const;

let sallyport: Sallyport;
let store: pg.Client;
let folder: string;
const servers = new Map<string, TestPostgres>();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-kit-test-'));
  sallyport = await startSallyport();
  await connectStore();
  servers.set('ledger-18', await startPostgres({ version: 18 }));
  if (services.postgres15 !== null) servers.set('ledger-15', await startPostgres({ version: 15 }));
  for (const [name, server] of servers) await addTarget(name, server);
  await sallyport.ask('admin', 'POST', '/api/tasks', z.unknown(), {
    name: 'fix-ledger',
    kind: 'postgres',
    segment: SEGMENT,
    description: 'Correct the ledger.',
    entitlement: {
      tables: [
        { name: 'public.ledger', privileges: ['SELECT'] },
        { name: 'public.ledger', privileges: ['UPDATE'], columns: ['note'] },
      ],
    },
  });
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
  for (const server of servers.values()) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connectStore(): Promise<void> {
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  store.on('error', () => undefined);
  await store.connect();
}

async function addTarget(name: string, server: TestPostgres): Promise<void> {
  await onTarget(
    server,
    `CREATE TABLE ledger (id int PRIMARY KEY, note text, secret text);
    INSERT INTO ledger SELECT n, 'new', 'canary' FROM generate_series(1, 10) n`,
  );
  const url = new URL(server.adminUrl);
  await sallyport.ask('admin', 'POST', '/api/targets', z.unknown(), {
    name,
    kind: 'postgres',
    segment: SEGMENT,
    environment: 'production',
    settings: { host: '127.0.0.1', port: server.port, database: 'postgres', tls: 'off' },
    admin: { user: url.username, password: decodeURIComponent(url.password) },
  });
}

async function onTarget(server: TestPostgres, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const endsAt = Date.now() + 60_000;
  while (Date.now() < endsAt) {
    const found = await look();
    if (found) return found;
    await delay(200);
  }
  throw new Error(`It did not come to this in 60 s: ${what}\n${sallyport.output()}`);
}

const kits = async (person: Person = 'admin') =>
  (await sallyport.ask(person, 'GET', '/api/kits', kitList)).items;
const theKit = async (): Promise<Kit> => {
  const [found] = await kits();
  if (found === undefined) throw new Error('There is no kit.');
  return found;
};
const entries = async (kind: string) =>
  (await store.query('select leaf from audit_entries where kind = $1 order by seq', [kind])).rows.map(
    (row) =>
      JSON.parse(row.leaf) as {
        actor: { name: string };
        sourceAddress?: string;
        detail: Record<string, unknown>;
      },
  );
const noticesOf = async (person: Person) =>
  (await sallyport.ask(person, 'GET', '/api/notices?unread=true&limit=200', noticePage)).items;

async function ok(result: Promise<CliResult>): Promise<CliResult> {
  const ended = await result;
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

const fileOf = (generation: number) => join(folder, `kit-${generation}.json`);
const shareOf = (person: string, generation: number) => join(folder, `${person}-${generation}.txt`);

/** Everybody takes what is theirs. */
async function handOut(generation: number): Promise<void> {
  await until(`generation ${generation}`, async () => {
    const one = await theKit();
    return (
      one.state === 'ready' &&
      one.generation === generation &&
      one.holders.some((holder) => !holder.hasShare) &&
      one.targets.every((target) => target.observed === 'present') &&
      (await entries('kit.ready')).length === generation
    );
  });
  for (const person of HOLDERS)
    await ok(
      sallyport.cli(person, 'break-glass', 'kit', 'share', SEGMENT, '--out', shareOf(person, generation)),
    );
  await ok(sallyport.cli('engineer', 'break-glass', 'kit', 'fetch', SEGMENT, '--out', fileOf(generation)));
}

/** Without a server: there is none at that address. */
const offline = (args: string[], input = '') =>
  runCli(['break-glass', 'open', ...args], { HOME: folder, SALLY_SERVER: 'http://127.0.0.1:1' }, input);
const sharesOf = (generation: number, ...people: string[]) =>
  people.flatMap((person) => ['--shares-file', shareOf(person, generation)]);

test('what cannot be a kit is refused, naming the field', async () => {
  const body = { segment: SEGMENT, task: 'fix-ledger', holders: [...HOLDERS], quorum: 2 };
  const cases: [object, number, RegExp][] = [
    [{ quorum: 1 }, 422, /quorum/],
    [{ quorum: 4 }, 422, /more than the 3 holders/],
    [{ holders: ['engineer', 'engineer'] }, 422, /named twice/],
    [{ holders: ['engineer', 'deploy-bot'] }, 422, /deploy-bot cannot hold/],
    [{ holders: ['engineer', 'nobody'] }, 404, /nobody/],
    [{ segment: 'prod/mars' }, 404, /prod\/mars/],
    [{ task: 'nothing' }, 404, /nothing/],
    [{ task: 'read-orders' }, 422, /No target at or below/],
    [{ limit: '13h' }, 422, /longer than the limit/],
    [{ segment: 'prod/eu/orders', task: 'change-schema' }, 422, /acts as an owner/],
  ];
  for (const [change, status, words] of cases) {
    const answer = await sallyport.call('admin', 'POST', '/api/kits', { ...body, ...change });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(JSON.stringify(answer.body), words);
  }
  assert.equal((await sallyport.call('engineer', 'POST', '/api/kits', body)).status, 403);
  assert.deepEqual(await kits(), []);
});

test('made: a dormant login on each target, shares for the holders alone, each once', async () => {
  const made = await ok(
    sallyport.cli(
      'admin',
      'break-glass',
      'kit',
      'make',
      SEGMENT,
      '--task',
      'fix-ledger',
      '--holders',
      HOLDERS.join(','),
      '--quorum',
      '2',
      '--json',
    ),
  );
  const one = kitSchema.parse(JSON.parse(made.stdout));
  assert.equal(one.state, 'ready', made.stdout);
  assert.equal(one.targets.length, servers.size);
  assert.equal(
    (
      await sallyport.call('admin', 'POST', '/api/kits', {
        segment: SEGMENT,
        task: 'fix-ledger',
        holders: [...HOLDERS],
        quorum: 2,
      })
    ).status,
    409,
  );
  assert.match(
    (await noticesOf('approver')).map((item) => item.text).join(),
    /You hold a share of the emergency kit/,
  );
  // An administrator holds none; whoever holds none sees no kit.
  assert.equal((await sallyport.call('admin', 'POST', `/api/kits/${one.id}/share`)).status, 404);
  assert.equal((await sallyport.call('auditor', 'POST', `/api/kits/${one.id}/share`)).status, 404);
  // Nor by a token that they hand out for a holder: a quorum of those would be the kit in one hand.
  const handed = await sallyport.ask('admin', 'POST', '/api/principals/approver/tokens', issuedToken, {});
  const taken = await fetch(`${sallyport.server()}/api/kits/${one.id}/share`, {
    method: 'POST',
    headers: { authorization: `Bearer ${handed.token}` },
  });
  assert.equal(taken.status, 403, await taken.text());
  await handOut(1);
  const again = await sallyport.cli('approver', 'break-glass', 'kit', 'share', SEGMENT);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /shown already/);
  const left = await store.query('select share from kit_holders where share is not null');
  assert.equal(left.rowCount, 0, 'a share that was taken is kept nowhere');
  const checked = await until('the check', async () => {
    const now = await theKit();
    return now.checkedAt !== null && now.problems.length === 0 && now;
  });
  assert.deepEqual(checked.problems, []);
  const access = await sallyport.ask(
    'auditor',
    'GET',
    '/api/targets/ledger-18/standing-access',
    z.object({ items: z.array(standingAccess) }),
  );
  const login = one.targets.find((target) => target.name === 'ledger-18')?.login;
  assert.match(
    access.items.find((item) => item.principal === login)?.explainedBy ?? '',
    /Emergency kit prod\/eu\/ledger/,
  );
  assert.equal((await entries('grant.orphan-removed')).length, 0);
});

const held: pg.Client[] = [];

test('with Sallyport stopped the quorum opens it, and only the quorum', async () => {
  await store.end();
  await sallyport.stop();
  const file = fileOf(1);
  const few = await offline([
    file,
    ...sharesOf(1, 'engineer'),
    '--no-input',
    '--target',
    'ledger-18',
    '--reason',
    'x',
  ]);
  assert.equal(few.code, 2);
  assert.match(few.stderr, /1 of 2 shares: 1 more is needed/);
  const twice = await offline([file, ...sharesOf(1, 'engineer', 'engineer'), '--no-input']);
  assert.match(twice.stderr, /given already/);
  const bent = join(folder, 'bent.txt');
  const text = readFileSync(shareOf('approver', 1), 'utf8').trim();
  writeFileSync(bent, `${text.slice(0, 20)}${text.charAt(20) === 'x' ? 'y' : 'x'}${text.slice(21)}\n`);
  const wrong = await offline([file, ...sharesOf(1, 'engineer'), '--shares-file', bent, '--no-input']);
  assert.match(wrong.stderr, /bent\.txt, line 1: This is no share.*checksum/);
  assert.ok(!wrong.stderr.includes(text.slice(10, 40)), 'a share is never repeated');
  const nowhere = await offline([join(folder, 'none.json'), '--no-input']);
  assert.equal(nowhere.code, 2);
  const unknown = await offline([
    file,
    ...sharesOf(1, 'engineer', 'approver'),
    '--target',
    'orders-db',
    '--reason',
    'x',
    '--no-input',
  ]);
  assert.match(unknown.stderr, /opens no target "orders-db".*ledger-18/s);

  for (const name of servers.keys()) {
    const used = await offline(
      [
        file,
        ...sharesOf(1, 'engineer', 'second-approver'),
        '--target',
        name,
        '--reason',
        'INC-1042: platform down',
        '--json',
      ],
      `update ledger set note = 'by kit' where id = 1;\nselect note from ledger where id = 1;\n`,
    );
    assert.equal(used.code, 0, used.stderr);
    assert.match(used.stdout, /by kit/);
    const beyond = await offline(
      [file, ...sharesOf(1, 'engineer', 'second-approver'), '--target', name, '--reason', 'more', '--json'],
      'update ledger set secret = $$x$$;\n',
    );
    assert.equal(beyond.code, 1);
    assert.match(beyond.stderr, /permission denied/);
  }
  const printed = await offline([file, ...sharesOf(1, 'approver', 'second-approver'), '--print', '--json']);
  assert.equal(printed.code, 0, printed.stderr);
  const { targets } = z
    .object({ targets: z.array(z.object({ name: z.string(), dsn: z.string() })) })
    .parse(JSON.parse(printed.stdout));
  for (const target of targets) {
    const session = new pg.Client({ connectionString: target.dsn, ssl: false });
    session.on('error', () => undefined);
    await session.connect();
    assert.equal((await session.query('select count(*)::int as n from ledger')).rows[0].n, 10);
    held.push(session);
  }
});

let reviewId: string;

test('back again: the use is in the log, the logins and their sessions are gone, the review is open', async () => {
  await sallyport.start();
  await connectStore();
  const opened = await until('the openings', async () => {
    const found = await entries('kit.opened');
    return new Set(found.map((one) => one.detail.target)).size === servers.size && found;
  });
  assert.ok(opened.every((one) => one.actor.name === 'engineer, second-approver'));
  assert.equal(opened[0]?.detail.reason, 'INC-1042: platform down');
  assert.equal(opened[0]?.sourceAddress, '127.0.0.1');
  await until(
    'the end of the logins',
    async () => (await entries('kit.login-removed')).length === servers.size,
  );
  for (const [name, server] of servers) {
    const roles = await onTarget(server, `select rolname from pg_roles where rolname = any($1)`, [
      opened.map((one) => one.detail.login),
    ]);
    assert.equal(roles.rowCount, 0, name);
  }
  for (const session of held) await assert.rejects(session.query('select 1'));
  assert.ok((await entries('kit.login-removed')).every((one) => one.detail.sessionsEnded === 1));

  const reviews = await sallyport.ask('auditor', 'GET', '/api/reviews?state=open', pageOf(review));
  assert.equal(reviews.items.length, 1);
  const [found] = reviews.items;
  assert.equal(found?.source, 'kit');
  assert.equal(
    found?.openings.length,
    2 * servers.size + servers.size,
    'two calls for the first, one more for the second',
  );
  reviewId = found?.id ?? '';
  // Nobody checked who it was, so none of the holders reviews it.
  const verdict = { verdict: 'justified', comment: 'INC-1042' };
  for (const person of HOLDERS)
    assert.equal(
      (await sallyport.call(person, 'POST', `/api/reviews/${reviewId}/verdict`, verdict)).status,
      403,
    );
  assert.match(
    (await noticesOf('auditor')).map((item) => item.text).join(),
    /The emergency kit of prod\/eu\/ledger was opened/,
  );
  await sallyport.ask('auditor', 'POST', `/api/reviews/${reviewId}/verdict`, review, verdict);
});

test('what was opened is spent: the old file and shares are stale and say so, new ones are there', async () => {
  await handOut(2);
  assert.match(
    (await noticesOf('engineer')).map((item) => item.text).join(),
    /rotated: what you have is stale/,
  );
  const spent = await offline([
    fileOf(1),
    ...sharesOf(1, 'engineer', 'approver'),
    '--target',
    'ledger-18',
    '--reason',
    'again',
    '--no-input',
  ]);
  assert.equal(spent.code, 4);
  assert.match(spent.stderr, /does not let this kit in.*newer file/s);
  const mixed = await offline([
    fileOf(2),
    ...sharesOf(1, 'engineer'),
    ...sharesOf(2, 'approver'),
    '--no-input',
  ]);
  assert.match(mixed.stderr, /generation 1, the kit file of 2/);
  const old = await offline([fileOf(1), ...sharesOf(2, 'approver'), '--no-input']);
  assert.match(old.stderr, /the file is stale/);
});

test('a drill opens it for real, and rotates it', async () => {
  await ok(
    sallyport.cli(
      'admin',
      'break-glass',
      'drill',
      'schedule',
      '--kit',
      SEGMENT,
      '--note',
      'room 4',
      '--json',
    ),
  );
  await until('the order', async () =>
    (await noticesOf('approver')).some((item) => /DRILL, now: open the emergency kit/.test(item.text)),
  );
  const opened = await offline(
    [
      fileOf(2),
      ...sharesOf(2, 'approver', 'second-approver'),
      '--target',
      'ledger-18',
      '--reason',
      'drill',
      '--json',
    ],
    'select 1;\n',
  );
  assert.equal(opened.code, 0, opened.stderr);
  const done = await until('the score', async () => {
    const { items } = await sallyport.ask('admin', 'GET', '/api/drills', drillList);
    return items.find((one) => one.state === 'done');
  });
  assert.equal(done.score.kitOpened, true);
  assert.ok((done.score.secondsToConnect ?? -1) > 0);
  assert.equal((await sallyport.ask('auditor', 'GET', `/api/reviews/${done.reviewId}`, review)).drill, true);
  assert.equal(drill.parse(done).kind, 'kit');
  const { items } = await sallyport.ask('engineer', 'GET', '/api/break-glass', brokenGlassList);
  assert.deepEqual(items, [], 'it is over');
  await handOut(3);
});

test('a kit that would not open says so before it is needed', async () => {
  const one = await theKit();
  const login = one.targets.find((target) => target.name === 'ledger-18')?.login ?? '';
  await onTarget(servers.get('ledger-18') as TestPostgres, `ALTER ROLE ${login} PASSWORD 'somebody else''s'`);
  await ok(sallyport.cli('admin', 'break-glass', 'kit', 'check', SEGMENT));
  const stale = await until('the finding', async () => {
    const now = await theKit();
    return now.problems.length > 0 && now;
  });
  assert.match(stale.problems.join(), /ledger-18: Its password does not work any more/);
  assert.match((await noticesOf('approver')).map((item) => item.text).join(), /would not open everywhere/);
  assert.match((await noticesOf('auditor')).map((item) => item.text).join(), /would not open everywhere/);
  assert.match(String((await sallyport.call('auditor', 'GET', '/metrics')).body), /sallyport_kits_stale 1\n/);
  assert.match((await sallyport.cli('admin', 'break-glass', 'kit', 'list')).stdout, /STALE/);
  const { troubles } = await sallyport.ask('auditor', 'GET', '/api/health', health);
  const told = troubles.find((trouble) => trouble.kind === 'kit');
  assert.match(told?.why ?? '', /ledger-18: Its password does not work any more/);
});

test('rotated by hand the old works until a quorum has the new; retired, nothing is left', async () => {
  const before = await theKit();
  await ok(sallyport.cli('admin', 'break-glass', 'kit', 'rotate', SEGMENT));
  await until('the next generation', async () => (await entries('kit.ready')).length === 4);
  const still = await onTarget(
    servers.get('ledger-18') as TestPostgres,
    `select from pg_roles where rolname like 'sallykit%'`,
  );
  assert.equal(still.rowCount, 2, 'both generations stand');
  await handOut(4);
  await until('the old one is gone', async () => {
    const roles = await onTarget(
      servers.get('ledger-18') as TestPostgres,
      `select rolname from pg_roles where rolname like 'sallykit%'`,
    );
    return roles.rowCount === 1 && roles.rows[0].rolname !== before.targets[0]?.login;
  });
  const silent = await sallyport.cli('admin', 'break-glass', 'kit', 'retire', SEGMENT, '--no-input');
  assert.equal(silent.code, 2);
  await ok(sallyport.cli('admin', 'break-glass', 'kit', 'retire', SEGMENT, '--confirm', SEGMENT));
  await until('nothing is left', async () => (await kits()).length === 0);
  for (const [name, server] of servers) {
    const left = await onTarget(
      server,
      `select rolname from pg_roles where rolname like 'sallykit%' union all select proname from pg_proc where pronamespace = 'sallyport_kit'::regnamespace`,
    );
    assert.equal(left.rowCount, 0, name);
  }
  for (const kind of ['kit.made', 'kit.rotated', 'kit.retired', 'kit.check-asked', 'kit.share-taken'])
    assert.ok((await entries(kind)).length > 0, kind);
});
