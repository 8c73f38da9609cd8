// Each dimension that a policy may speak of, on a whole Sallyport: allowed inside, denied outside, with the dimension
// and the value that was found in the explanation; to the boundary second and the boundary address.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Preview, preview, submitted } from '../../src/api/requests.ts';
import { compilePolicies } from '../../src/policy/engine/compile.ts';
import { decide } from '../../src/policy/engine/decide.ts';
import { exampleFacts } from '../../src/policy/engine/example-facts.ts';
import { type Company, openCompany } from '../harness/company.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  await company.store.query(`update segments set time_zone = 'Europe/Berlin' where path = 'prod/eu/orders'`);
});
after(async () => {
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const permit = (condition: string, resource = 'prod/eu') => `@id("rule") @description("Reading is for some.")
  permit (principal, action in [Action::"request", Action::"autoApprove"], resource in Segment::"${resource}")
  when { ${condition} };`;

const ask = (body: object): Promise<Preview> =>
  sallyport.ask('auditor', 'POST', '/api/policy/explain', preview, {
    principal: 'engineer',
    target: 'orders-db',
    task: 'read-orders',
    duration: '30m',
    sourceAddress: '10.1.2.3',
    at: '2026-11-25T11:00:00.000Z',
    ...body,
  });

function denies(told: Preview, words: readonly string[]): void {
  assert.equal(told.decision.outcome, 'deny');
  const text = [...told.decision.reasons.map((reason) => reason.text), ...told.enough].join('\n');
  for (const word of words) assert.ok(text.includes(word), `"${word}" is not in:\n${text}`);
}

/** A dimension that the question itself carries: what is inside, what is outside, and the words for why. */
interface Dimension {
  name: string;
  condition: string;
  inside: object[];
  outside: object[];
  words: string[];
}

const office = 'context.localTime >= duration("8h") && context.localTime < duration("18h")';
const DIMENSIONS: Dimension[] = [
  {
    name: 'source address',
    condition: 'context.sourceIp.isInRange(ip("10.1.0.0/16"))',
    inside: [
      { sourceAddress: '10.1.0.0' },
      { sourceAddress: '10.1.255.255' },
      { sourceAddress: '::ffff:10.1.255.255' },
    ],
    outside: [
      { sourceAddress: '10.0.255.255' },
      { sourceAddress: '10.2.0.0' },
      { sourceAddress: '::ffff:10.2.0.0' },
    ],
    words: ['source address in 10.1.0.0/16', 'source address is '],
  },
  {
    name: 'source address of the other family',
    condition: 'context.sourceIp.isInRange(ip("fd00:1::/32"))',
    inside: [{ sourceAddress: 'fd00:1::' }, { sourceAddress: 'fd00:1:ffff:ffff:ffff:ffff:ffff:ffff' }],
    outside: [{ sourceAddress: 'fd00:2::' }, { sourceAddress: '10.1.2.3' }],
    words: ['source address in fd00:1::/32'],
  },
  {
    name: 'local time, in the zone of the segment',
    condition: office,
    inside: [{ at: '2026-11-25T07:00:00.000Z' }, { at: '2026-11-25T16:59:59.000Z' }],
    outside: [{ at: '2026-11-25T06:59:59.000Z' }, { at: '2026-11-25T17:00:00.000Z' }],
    words: ['local time', 'in Europe/Berlin'],
  },
  {
    name: 'local time, the same hours in summer and on the days when the clocks change',
    condition: office,
    inside: [
      { at: '2026-07-01T06:00:00.000Z' },
      { at: '2026-03-29T06:00:00.000Z' },
      { at: '2026-10-25T16:59:59.000Z' },
    ],
    outside: [
      { at: '2026-07-01T16:00:00.000Z' },
      { at: '2026-03-29T05:59:59.000Z' },
      { at: '2026-10-25T17:00:00.000Z' },
    ],
    words: ['local time'],
  },
  {
    name: 'weekday, by the midnight of the segment',
    condition: '!(context.dayOfWeek in [Day::"sat", Day::"sun"])',
    inside: [{ at: '2026-11-22T23:00:00.000Z' }, { at: '2026-11-27T22:59:59.000Z' }],
    outside: [{ at: '2026-11-22T22:59:59.000Z' }, { at: '2026-11-27T23:00:00.000Z' }],
    words: ['weekday not in sat, sun', 'weekday is s'],
  },
  {
    name: 'duration',
    condition: 'context.duration <= duration("1h")',
    inside: [{ duration: '3600s' }, { duration: '1s' }],
    outside: [{ duration: '3601s' }],
    words: ['duration at most 1 h', 'Ask for 1h or less'],
  },
  {
    name: 'ticket',
    condition: 'context has ticket && context.ticket like "OPS-*"',
    inside: [{ ticket: 'OPS-1' }],
    outside: [{}, { ticket: 'DEV-1' }],
    words: ['ticket'],
  },
  {
    name: 'purpose',
    condition: 'context has purpose && context.purpose like "*order*"',
    inside: [{ reason: 'look at order 7' }],
    outside: [{ reason: 'curious' }],
    words: ['purpose'],
  },
  {
    name: 'task',
    condition: 'context.task == Task::"read-orders"',
    inside: [{ task: 'read-orders' }],
    outside: [{ task: 'fix-orders' }],
    words: ['the task fix-orders'],
  },
];

for (const { name, condition, inside, outside, words } of DIMENSIONS) {
  test(`${name}: inside and outside, to the boundary`, async () => {
    await company.publish(permit(condition));
    for (const body of inside)
      assert.equal((await ask(body)).decision.outcome, 'allow', `inside: ${JSON.stringify(body)}`);
    for (const body of outside) denies(await ask(body), words);
  });
}

test('segment: the subtree and nothing beside it', async () => {
  for (const [segment, outcome] of [
    ['prod', 'allow'],
    ['prod/eu/orders', 'allow'],
    ['prod/eu/order', 'deny'],
    ['prod/us', 'deny'],
    ['eu', 'deny'],
  ] as const) {
    await company.publish(permit('true', segment));
    const told = await ask({});
    assert.equal(told.decision.outcome, outcome, segment);
    if (outcome === 'deny') denies(told, ['in segment prod/eu/orders']);
  }
});

test('account type, environment and sensitivity, as they stand in the store', async () => {
  for (const { condition, change, back, words } of [
    {
      condition: 'principal.accountType == "employee"',
      change: `update principals set account_type = 'contractor' where name = 'engineer'`,
      back: `update principals set account_type = 'employee' where name = 'engineer'`,
      words: ['account type is "employee"', 'now account type is contractor'],
    },
    {
      condition: 'resource in Environment::"production"',
      change: `update targets set environment = 'staging' where name = 'orders-db'`,
      back: `update targets set environment = 'production' where name = 'orders-db'`,
      words: ['environment production'],
    },
    {
      condition: 'resource.sensitivity == Sensitivity::"high"',
      change: `update targets set sensitivity = 'low' where name = 'orders-db'`,
      back: `update targets set sensitivity = 'high' where name = 'orders-db'`,
      words: ['sensitivity is high', 'now sensitivity is low'],
    },
  ]) {
    await company.publish(permit(condition));
    assert.equal((await ask({})).decision.outcome, 'allow', condition);
    await company.store.query(change);
    denies(await ask({}), words);
    await company.store.query(back);
  }
});

test('segments have time zones and owners, their own or those above; what is no time zone is told', async () => {
  const set = (body: object) =>
    sallyport.call('admin', 'POST', '/api/segments', { path: 'prod/eu/orders', ...body });
  for (const timeZone of ['Mars/Olympus', 'Europe/Atlantis', '+01:00', '', 'UTC; drop table segments'])
    assert.equal((await set({ timeZone })).status, 422, timeZone);
  await company.publish(permit('context.localTime < duration("12h")'));
  const noonInTokyo = { at: '2026-11-25T03:00:00.000Z' };
  assert.equal((await sallyport.cli('admin', 'segment', 'set', 'prod', '--time-zone', 'Asia/Tokyo')).code, 0);
  assert.equal((await set({ timeZone: 'Europe/Berlin' })).status, 200);
  assert.equal((await ask(noonInTokyo)).decision.outcome, 'allow', 'its own');
  assert.equal((await set({ timeZone: null })).status, 200);
  denies(await ask(noonInTokyo), ['local time is 12:00 in Asia/Tokyo']);
  assert.equal((await ask({ at: '2026-11-25T02:59:59.000Z' })).decision.outcome, 'allow');
  await company.publish(permit('resource has owner && resource.owner == "engineering"'));
  await company.store.query(`update targets set owner = null where name = 'orders-db'`);
  denies(await ask({}), ['owner is nobody']);
  await sallyport.cli('admin', 'segment', 'set', 'prod/eu', '--owner', 'engineering');
  assert.equal((await ask({})).decision.outcome, 'allow', 'from above');
  await set({ owner: 'approvers' });
  denies(await ask({}), ['owner is approvers']);
});

test('a task is in the tasks above it, over several levels and never in itself', async () => {
  const entitlement = {
    readOnly: true,
    schemas: ['public'],
    tables: [{ name: 'public.orders', privileges: ['SELECT'] }],
  };
  const add = (name: string, parent?: string) =>
    sallyport.call('admin', 'POST', '/api/tasks', {
      name,
      kind: 'postgres',
      description: 'A level.',
      entitlement,
      ...(parent === undefined ? {} : { parent }),
    });
  assert.equal((await add('look')).status, 201);
  assert.equal((await add('look-closer', 'look')).status, 201);
  assert.equal((await add('look-closest', 'look-closer')).status, 201);
  assert.equal((await add('orphan', 'no-such-task')).status, 404);
  assert.equal((await add('selfish', 'selfish')).status, 409);
  await company.publish(permit('context.task in Task::"look"'));
  for (const task of ['look', 'look-closer', 'look-closest'])
    assert.equal((await ask({ task })).decision.outcome, 'allow', task);
  denies(await ask({}), ['the task read-orders']);
});

test('the age of the strong sign-in', async () => {
  const condition = 'context has mfaAge && context.mfaAge <= duration("10m")';
  await company.publish(permit(condition));
  denies(await ask({}), ['no strong sign-in']);
  const policies = compilePolicies({ 'test.cedar': permit(condition) });
  const signedIn = (mfaAgeSeconds: number) => decide(policies, exampleFacts({ context: { mfaAgeSeconds } }));
  assert.equal(signedIn(600).outcome, 'allow');
  const late = signedIn(601);
  assert.equal(late.outcome, 'deny');
  assert.match(late.reasons[0]?.text ?? '', /strong sign-in/);
});

test('a request is decided by the address of its own socket, whatever it says of itself', async () => {
  await company.publish(permit('context.sourceIp.isInRange(ip("127.9.0.0/24"))'));
  const from = async (address: string) => {
    const answer = await rawHttp({
      server: sallyport.server(),
      method: 'POST',
      path: '/api/requests',
      from: address,
      headers: {
        authorization: `Bearer ${sallyport.token('engineer')}`,
        'x-forwarded-for': '127.9.0.1',
      },
      body: { target: 'orders-db', task: 'read-orders', duration: '45s', reason: 'a test' },
    });
    return submitted.parse(answer.json).request;
  };
  assert.equal((await from('127.9.0.255')).state, 'approved');
  const denied = await from('127.9.1.0');
  assert.equal(denied.state, 'denied');
  assert.match(denied.decision.reasons[0]?.text ?? '', /source address is 127\.9\.1\.0/);
});
