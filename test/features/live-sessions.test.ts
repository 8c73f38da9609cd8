// What is open is asked again: a session whose `connect` no longer holds is cut within five seconds, with a reason that a
// person understands, and nobody else's; a call that waits ends with the token that it came with.

import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { token } from '../../src/api/people.ts';
import { type Company, openCompany } from '../harness/company.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

const CUT_WITHIN_MS = 5_000;

let sallyport: Sallyport;
let company: Company;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
});
after(async () => {
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const idOf = (name: string) => `(select id from principals where name = '${name}')`;
const REQUESTS = `permit (principal, action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod");`;

interface Open {
  grantId: string;
  client: pg.Client;
  /** What the session was told when it was cut. */
  said: Promise<string>;
  alive(): Promise<boolean>;
}

/** A session of `name`, from that address. */
async function open(name: string, from = '127.0.0.1', held?: string): Promise<Open> {
  const grantId = held ?? (await company.request(name, {}, 20)).grant?.id ?? '';
  const { dsn } = await company.ask(name, 'POST', `/api/grants/${grantId}/credentials`, issuedCredential, {});
  const url = new URL(dsn);
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  socket.connect = (() =>
    connect({ host: url.hostname, port: Number(url.port), localAddress: from })) as typeof socket.connect;
  const client = new pg.Client({ connectionString: dsn, stream: () => socket });
  const said = new Promise<string>((resolve) => {
    client.on('error', (error) => resolve(error.message));
  });
  await client.connect();
  const alive = () =>
    client.query('select 1').then(
      () => true,
      () => false,
    );
  return { grantId, client, said, alive };
}

/** The words with which it was cut, and that it was in time. */
async function cut(session: Open, since: number): Promise<string> {
  const late = delay(CUT_WITHIN_MS + 10_000, 'it was not cut', { ref: false });
  const words = await Promise.race([session.said, late]);
  const tookMs = Date.now() - since;
  assert.ok(tookMs <= CUT_WITHIN_MS, `${words} (after ${tookMs} ms)`);
  return words;
}

test('a session is cut when a group, a shift or a time window that let it in is over; others stay', async () => {
  for (const [name, group] of [
    ['member', 'steady-once'],
    ['watcher', 'watch'],
    ['visitor', 'window'],
    ['regular', 'steady'],
  ] as const)
    await company.hire(name, group);
  await company.store.query(
    `insert into on_call_shifts (id, group_id, principal_id, from_at, until_at)
     select 'shf_watch', g.id, ${idOf('watcher')}, now() - interval '1 hour', now() + interval '1 hour'
     from groups g where g.name = 'watch'`,
  );
  const policies = (window: string) => `${REQUESTS}
    permit (principal in Group::"steady", action == Action::"connect", resource);
    permit (principal in Group::"steady-once", action == Action::"connect", resource);
    permit (principal in Group::"watch", action == Action::"connect", resource) when { principal is Person && principal.onCall };
    permit (principal in Group::"window", action == Action::"connect", resource) when { ${window} };`;
  await company.publish(policies('true'));
  const member = await open('member');
  const watcher = await open('watcher');
  const visitor = await open('visitor');
  const regular = await open('regular');

  let since = Date.now();
  await company.store.query(
    `delete from memberships where principal_id = ${idOf('member')}
       and group_id = (select id from groups where name = 'steady-once')`,
  );
  assert.match(
    await cut(member, since),
    /^This session was ended: policy does not let it go on: .*Since it was opened, groups of member: was steady-once, is none/,
  );
  since = Date.now();
  await company.store.query(`update on_call_shifts set ended_at = now() where id = 'shf_watch'`);
  assert.match(await cut(watcher, since), /on call of watcher: was yes, is no/);
  const soon = new Date(Date.now() + 8_000);
  await company.publish(policies(`context.now < datetime("${soon.toISOString()}")`));
  await delay(2_000);
  if (Date.now() < soon.getTime() - 1_000) assert.equal(await visitor.alive(), true, 'not before its time');
  await delay(Math.max(0, soon.getTime() - Date.now()));
  assert.match(await cut(visitor, soon.getTime()), /policy does not let it go on: .*time is/);

  assert.equal(await regular.alive(), true, 'nothing of it has changed');
  for (const { grantId } of [member, watcher, visitor]) {
    const { state } = await sallyport.ask('auditor', 'GET', `/api/grants/${grantId}`, grantSchema);
    assert.equal(state, 'active', 'the grant is still permitted, it is the session that is not');
  }
  const refused = await open('member', '127.0.0.1', member.grantId).then(
    () => 'let in again',
    (error: Error) => error.message,
  );
  assert.match(refused, /Policy does not let this session in/);
  const { rows } = await company.store.query<{ reason: string }>(
    `select leaf::jsonb -> 'detail' ->> 'reason' as reason from audit_entries
     where kind = 'session.ending' and grant_id = $1`,
    [member.grantId],
  );
  assert.equal(rows.length, 1);
  assert.match(rows[0]?.reason ?? '', /groups of member/);
  await regular.client.end();
});

test("a policy change asks open sessions by their own socket's address: one is cut, its neighbour stays, until one ends the grant", async () => {
  const anywhere = `${REQUESTS} permit (principal, action == Action::"connect", resource);`;
  await company.publish(anywhere);
  const inside = await open('engineer', '127.0.0.9');
  const outside = await open('engineer', '127.0.0.10', inside.grantId);
  await company.publish(
    `${anywhere} @id("inside") @description("Sessions come from the inner network.")
     forbid (principal, action == Action::"connect", resource) unless { context.sourceIp.isInRange(ip("127.0.0.8/31")) };`,
  );
  const since = Date.now();
  assert.match(
    await cut(outside, since),
    /policy does not let it go on: .*Sessions come from the inner network/,
  );
  assert.equal(await inside.alive(), true);

  await company.publish(`${anywhere} @id("over") forbid (principal, action == Action::"request", resource);`);
  const changedAt = Date.now();
  assert.match(
    await cut(inside, changedAt),
    /^Your access was ended: /,
    'the grant itself ends, with its sessions',
  );
  const { state } = await sallyport.ask('auditor', 'GET', `/api/grants/${inside.grantId}`, grantSchema);
  assert.notEqual(state, 'active');
});

test('a call that waits ends when its token is revoked or its principal disabled, and tells nothing more', async () => {
  await company.publish(`@approvals("1 of Group::\\"approvers\\"")
    permit (principal, action == Action::"request", resource in Segment::"prod");
    permit (principal in Group::"approvers", action == Action::"approve", resource);`);
  await company.hire('waiter');
  await company.hire('waitress');
  const ends = {
    waiter: async () => {
      const path = '/api/principals/waiter/tokens';
      const body = (await company.call('admin', 'GET', path)).body as { items: { id: string }[] };
      await company.ask('admin', 'POST', `${path}/${body.items[0]?.id}/revoke`, token, {});
    },
    waitress: async () => {
      const left = await company.call('admin', 'POST', '/api/principals/waitress/disable', {
        reason: 'left',
      });
      assert.equal(left.status, 200);
    },
  };
  for (const name of ['waiter', 'waitress'] as const) {
    const { request } = await company.request(name);
    const waiting = company.call(name, 'GET', `/api/requests/${request.id}?wait=60`);
    await delay(300);
    const since = Date.now();
    await ends[name]();
    const answer = await waiting;
    assert.ok(Date.now() - since <= CUT_WITHIN_MS, `${name} waited on`);
    assert.equal(answer.status, 401, JSON.stringify(answer.body));
    assert.deepEqual(
      Object.keys(answer.body as object).filter((key) => key === 'request'),
      [],
    );
  }
});
