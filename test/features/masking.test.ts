// What policy holds sessions to, the whole way. Masks: an administrator labels columns, a policy names the class, the request shows
// it, and a session gets tokens. A label whose column is gone keeps everybody out rather than show another column.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { z } from 'zod';
import { issuedCredential, receipt } from '../../src/api/grants.ts';
import { labelList, suggestedLabels } from '../../src/api/labels.ts';
import { submitted } from '../../src/api/requests.ts';
import { sessionLive, session as sessionSchema } from '../../src/api/sessions.ts';
import { statementCard } from '../../src/api/statements.ts';
import { pageOf } from '../../src/api/text.ts';
import { policiesInForce, publishPolicies, type Sallyport, startSallyport } from '../harness/sallyport.ts';

const POLICY = `
@id("support")
@description("Support looks at customers, with personal data masked.")
@owner("team-orders")
@maxDuration("1h")
@mask("pii")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/eu/orders"
)
when { context.task == Task::"look-at-customers" };
`;

let sallyport: Sallyport;
before(async () => {
  sallyport = await startSallyport();
  await sallyport.ask('admin', 'POST', '/api/tasks', z.unknown(), {
    name: 'look-at-customers',
    kind: 'postgres',
    segment: 'prod/eu/orders',
    description: 'Look at customers.',
    entitlement: { readOnly: true, tables: [{ name: 'public.customers', privileges: ['SELECT'] }] },
  });
  await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'support.cedar': POLICY });
});
after(() => sallyport[Symbol.asyncDispose]());

async function session(): Promise<pg.Client> {
  const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'look-at-customers',
    duration: '10m',
    reason: 'a question of a customer',
  });
  assert.deepEqual(asked.request.decision.obligations.mask, ['pii']);
  const id = asked.grant?.id ?? '';
  const { dsn } = await sallyport.ask('engineer', 'POST', `/api/grants/${id}/credentials`, issuedCredential);
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('columns are suggested, confirmed by a person, and come out as tokens; in the log stands who said so', async () => {
  const { items: found } = await sallyport.ask(
    'admin',
    'POST',
    '/api/targets/orders-db/labels/suggest',
    suggestedLabels,
  );
  const suggested = found.map((one) => `${one.column}=${one.label}`);
  assert.ok(suggested.includes('public.customers.email=pii'), suggested.join(' '));
  const email = found.find((one) => one.column === 'public.customers.email');
  assert.deepEqual(email?.because, ['name', 'data']);
  assert.ok(email.sampled > 0 && email.matching === email.sampled && email.looksLike === 'mail');
  const set = await sallyport.cli(
    'admin',
    'label',
    'set',
    'orders-db',
    'public.customers.email=pii',
    '--json',
  );
  assert.equal(set.code, 0, set.stderr);
  const { items } = await sallyport.ask('engineer', 'GET', '/api/targets/orders-db/labels', labelList);
  assert.deepEqual(
    items.map(({ column, label, setBy }) => [column, label, setBy]),
    [['public.customers.email', 'pii', 'admin']],
  );
  const again = await sallyport.ask(
    'admin',
    'POST',
    '/api/targets/orders-db/labels/suggest',
    suggestedLabels,
  );
  assert.ok(!again.items.some((one) => one.column === 'public.customers.email'));

  const client = await session();
  const { rows } = await client.query('select id, email from customers order by id limit 3');
  assert.equal(rows.length, 3);
  for (const { email } of rows) assert.match(email, /^masked_[a-z2-9]{12}$/);
  await assert.rejects(client.query("select id from customers where email like 'a%'"), {
    code: '42501',
    message: /email is masked and may only be read as it is/,
  });
  await client.end();
});

test('who watches such a session sees no masked value either, live and afterwards', async () => {
  const target = new pg.Client({ connectionString: sallyport.adminUrl() });
  await target.connect();
  const { rows } = await target.query('select email from customers order by id limit 200');
  await target.end();
  const canaries = rows.map((row) => String(row.email));
  assert.equal(canaries.length, 200);
  const client = await session();
  const { items } = await sallyport.ask('auditor', 'GET', '/api/sessions?state=live', pageOf(sessionSchema));
  const id = items.find((one) => one.task === 'look-at-customers')?.id ?? '';
  const seen: string[] = [];
  const look = async () => {
    const live = await sallyport.ask('auditor', 'GET', `/api/sessions/${id}/live`, sessionLive);
    seen.push(JSON.stringify(live));
    return live;
  };
  await look();
  const asked = [
    'select email from customers limit 200',
    'select * from customers order by id limit 200',
    'select email::int from customers',
    "select id from customers where email like '%@%'",
    "select ('x' || id)::int from customers",
    "do $$ begin raise exception '%', (select email from customers limit 1); end $$",
    'declare c cursor for select email from customers',
    'copy (select email from customers) to stdout',
  ];
  for (const text of asked) await client.query(text).catch(() => undefined);
  for (const endsAt = Date.now() + 20_000; (await look()).statements.length < asked.length; )
    assert.ok(Date.now() < endsAt, 'they are not all shown');
  const store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
  const { rows: views } = await store.query('select body from session_views where session_id = $1', [id]);
  assert.equal(views.length, 1);

  // Twenty others watch too: one more is told so.
  await store.query(
    `insert into principals (id, kind, name, display_name) select 'prn_watch' || n, 'person', 'watch' || n, 'w' from generate_series(1, 20) n`,
  );
  await store.query(
    `insert into session_watches (session_id, principal_id, until)
     select $1, 'prn_watch' || n, now() + interval '1 minute' from generate_series(1, 20) n`,
    [id],
  );
  await look();
  const tooMany = await sallyport.call('admin', 'GET', `/api/sessions/${id}/live`);
  assert.equal(tooMany.status, 429);
  assert.equal((tooMany.body as { code: string }).code, 'too-many-watchers');
  assert.match((tooMany.body as { detail: string }).detail, /20 people watch this session already/);
  await store.end();

  await client.end();
  const after = await sallyport.cli('auditor', 'session', id, '--json');
  const shown = [...seen, String(views[0]?.body), after.stdout, sallyport.output()].join('\n');
  assert.match(shown, /look-at-customers/);
  for (const canary of canaries) assert.ok(!shown.includes(canary), canary);
});

test('a session whose columns are labelled meanwhile, or where policy masks more now, does not go on', async () => {
  const ended = (client: pg.Client) =>
    new Promise<string>((resolve) => {
      client.once('error', (error) => resolve(error.message));
    });
  const first = await session();
  const saidFirst = ended(first);
  const { rows } = await first.query('select phone from customers where phone is not null limit 1');
  assert.doesNotMatch(rows[0].phone, /^masked_/);
  await sallyport.ask('admin', 'POST', '/api/targets/orders-db/labels', labelList, {
    labels: [{ column: 'public.customers.phone', label: 'pii' }],
  });
  assert.match(await saidFirst, /columns were labelled since it began/);
  const second = await session();
  const saidSecond = ended(second);
  const files = await policiesInForce(sallyport);
  await publishPolicies(sallyport, { ...files, 'support.cedar': POLICY.replace('"pii"', '"pii, cards"') });
  assert.match(await saidSecond, /policy masks cards now/);
  await publishPolicies(sallyport, files);
});

test('a label whose column is not there keeps sessions out, and says what to mend', async () => {
  await sallyport.ask('admin', 'POST', '/api/targets/orders-db/labels', labelList, {
    labels: [{ column: 'public.customers.mail_before', label: 'pii' }],
  });
  await assert.rejects(session(), /public\.customers\.mail_before is labelled, and is not there/);
  const removed = await sallyport.cli(
    'admin',
    'label',
    'remove',
    'orders-db',
    'public.customers.mail_before',
  );
  assert.equal(removed.code, 0, removed.stderr);
  const client = await session();
  await client.end();
});

test('bad labels are refused by name', async () => {
  for (const [labels, field] of [
    [[{ column: 'email', label: 'pii' }], 'labels.0.column'],
    [[{ column: 'public.customers.email', label: 'PII!' }], 'labels.0.label'],
    [[], 'labels'],
    [Array.from({ length: 501 }, () => ({ column: 'a.b.c', label: 'x' })), 'labels'],
  ] as const) {
    const { status, body } = await sallyport.call('admin', 'POST', '/api/targets/orders-db/labels', {
      labels,
    });
    assert.equal(status, 422);
    assert.equal((body as { field?: string }).field, field);
  }
});

test('a policy’s budget holds in sessions, is on the card and in the receipt; a smaller one ends open sessions', async () => {
  const files = await policiesInForce(sallyport);
  const budget = (rows: number) => POLICY.replace('@mask("pii")', `@maxRows("${rows}") @maxBytes("10MB")`);
  await publishPolicies(sallyport, { ...files, 'support.cedar': budget(100) });
  const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'look-at-customers',
    duration: '10m',
    reason: 'a question of a customer',
  });
  assert.equal(asked.request.decision.obligations.maxRows, 100);
  const id = asked.grant?.id ?? '';
  const card = await sallyport.cli(
    'engineer',
    'policy',
    'explain',
    'orders-db',
    '--task',
    'look-at-customers',
  );
  assert.match(card.stdout, /at most 100 rows read/);
  const { dsn } = await sallyport.ask('engineer', 'POST', `/api/grants/${id}/credentials`, issuedCredential);
  const client = new pg.Client({ connectionString: dsn });
  const cut = new Promise<string>((resolve) => {
    client.once('error', (error) => resolve(error.message));
  });
  client.on('error', () => undefined);
  await client.connect();
  assert.equal((await client.query('select id from customers limit 90')).rowCount, 90);
  await assert.rejects(client.query('select id from customers'), {
    code: '53400',
    hint: /sally request orders-db --task look-at-customers/,
  });
  await publishPolicies(sallyport, { ...files, 'support.cedar': budget(50) });
  assert.match(await cut, /policy holds sessions to more now: at most 50 rows read/);
  let ended: string | undefined;
  while (ended === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const at = `/api/sessions?grant=${id}&state=ended`;
    ended = (await sallyport.ask('engineer', 'GET', at, pageOf(sessionSchema))).items[0]?.id;
  }
  const measured = await sallyport.cli('engineer', 'session', ended, '--measures', '--json');
  assert.deepEqual(
    JSON.parse(measured.stdout).map((one: { verb: string; errors: number }) => [one.verb, one.errors]),
    [['select', 1]],
  );
  const told = await sallyport.ask('engineer', 'GET', `/api/grants/${id}/receipt`, receipt);
  assert.deepEqual([told.read.rows, told.read.mostRows, told.read.mostBytes], [100, 100, 10_000_000]);
  await publishPolicies(sallyport, files);
});

const MENDING = `
@id("mend")
@description("Orders are mended one approved statement at a time.")
@owner("team-orders")
@maxDuration("1h")
@approveStatements("write by 1 of Group::\\"approvers\\"")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/eu/orders"
)
when { context.task == Task::"mend-orders" };
`;

async function mender(): Promise<{ client: pg.Client; requestId: string }> {
  const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'mend-orders',
    duration: '10m',
    reason: 'order 77 hangs',
  });
  const id = asked.grant?.id ?? '';
  const { dsn } = await sallyport.ask('engineer', 'POST', `/api/grants/${id}/credentials`, issuedCredential);
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  return { client, requestId: asked.request.id };
}

/** The one that waits for `approver` now. */
async function waiting() {
  for (;;) {
    const { items } = await sallyport.ask(
      'approver',
      'GET',
      '/api/statements?view=approvals',
      pageOf(statementCard),
    );
    const [first] = items;
    if (first !== undefined) return first;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('statements are approved one by one by somebody else, on a card with text, values and estimate, and logged', async () => {
  await sallyport.ask('admin', 'POST', '/api/tasks', z.unknown(), {
    name: 'mend-orders',
    kind: 'postgres',
    segment: 'prod/eu/orders',
    description: 'Mend orders.',
    entitlement: { tables: [{ name: 'public.orders', privileges: ['SELECT', 'UPDATE'] }] },
  });
  const files = await policiesInForce(sallyport);
  await publishPolicies(sallyport, { ...files, 'mend.cedar': MENDING });
  const { client } = await mender();
  const running = client.query("update orders set note = $1 where id = $2 and status <> 'x'", ['mended', 77]);
  running.catch(() => undefined);
  const card = await waiting();
  assert.deepEqual(
    [card.purpose, card.parameters, card.mayApprove],
    ['order 77 hangs', ['mended', '77'], true],
  );
  assert.match(card.estimate ?? '', /Update on orders/);
  const at = `/api/statements/${card.id}`;
  const approve = '/api/statements/:id/approve'.replace(':id', card.id);
  const deny = '/api/statements/:id/deny'.replace(':id', card.id);
  for (const [who, status] of [
    ['engineer', 403],
    ['auditor', 403],
    ['deploy-bot', 403],
  ] as const) {
    const told = await sallyport.call(who, 'POST', approve, { digest: card.digest });
    assert.equal(told.status, status, who);
    assert.equal((await sallyport.call(who, 'POST', deny, { reason: 'no' })).status, status, who);
  }
  assert.equal((await sallyport.call('deploy-bot', 'GET', at)).status, 404);
  assert.equal((await sallyport.call('approver', 'POST', approve, { digest: 'another' })).status, 409);
  const approved = await sallyport.cli('approver', 'approve', card.id, '--yes');
  assert.equal(approved.code, 0, approved.stderr);
  assert.match(approved.stderr, /update orders set note = \$1/);
  assert.equal((await running).rowCount, 1);
  assert.equal((await sallyport.call('approver', 'POST', approve, { digest: card.digest })).status, 409);

  const again = client.query("update orders set note = 'again' where id = 77");
  again.catch(() => undefined);
  const second = await waiting();
  const denied = await sallyport.cli('approver', 'deny', second.id, '--reason', 'once is enough');
  assert.equal(denied.code, 0, denied.stderr);
  await assert.rejects(again, { code: '42501', message: /denied it: once is enough/ });
  const { rows } = await client.query('select note from orders where id = 77');
  assert.deepEqual(rows, [{ note: 'mended' }]);
  await client.end();
  const log = await sallyport.ask(
    'auditor',
    'GET',
    '/api/audit/entries?limit=50',
    z.object({ items: z.array(z.object({ leaf: z.object({ kind: z.string() }) })) }),
  );
  const kinds = log.items.map((one) => one.leaf.kind);
  for (const kind of ['statement.asked', 'statement.approved', 'statement.run', 'statement.denied'])
    assert.ok(kinds.includes(kind), kind);
  await publishPolicies(sallyport, files);
});
