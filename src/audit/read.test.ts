// Searching the log, its pages, and the story of one elevation, on a real store.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { openTestLog, type TestLog } from '../../test/harness/audit-log.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { append, type Entry, SYSTEM_ACTOR } from './append.ts';
import { type AuditSearch, auditTimeline, searchAudit } from './read.ts';

const ids = {
  anna: newId('principal'),
  target: newId('target'),
  task: newId('task'),
  request: newId('request'),
  grant: newId('grant'),
  session: newId('session'),
};
const ANNA = { id: ids.anna, name: 'anna', kind: 'person' };
const BOB = { id: newId('principal'), name: 'bob', kind: 'person' };
let log: TestLog;

before(async () => {
  log = await openTestLog();
  await sql
    .raw(`
    insert into segments (path) values ('prod');
    insert into principals (id, kind, name, display_name) values ('${ids.anna}', 'person', 'anna', 'Anna');
    insert into targets (id, name, kind, segment, environment, settings, credential)
      values ('${ids.target}', 'orders-db', 'postgres', 'prod', 'production', '{}', '');
    insert into tasks (id, name, kind, description, entitlement) values ('${ids.task}', 'read-orders', 'postgres', '', '{}');
    insert into requests (id, requester_id, target_id, task_id, duration_s, reason, source_address, digest, state, outcome, reasons, obligations, expires_at)
      values ('${ids.request}', '${ids.anna}', '${ids.target}', '${ids.task}', 60, 'x', '', '', 'approved', 'allow', '[]', '{}', now());
    insert into grants (id, request_id, principal_id, target_id, task_id, login, handle, duration_s)
      values ('${ids.grant}', '${ids.request}', '${ids.anna}', '${ids.target}', '${ids.task}', 'sp_1', '{}', 60);
    insert into sessions (id, grant_id, principal_id, target_id, task_id, gateway, client_address)
      values ('${ids.session}', '${ids.grant}', '${ids.anna}', '${ids.target}', '${ids.task}', '', '')`)
    .execute(log.db);
  const entries: Entry[] = [
    { kind: 'system.started', actor: SYSTEM_ACTOR, detail: { version: '0.1.0' } },
    {
      kind: 'request.submitted',
      actor: ANNA,
      requestId: ids.request,
      targetId: ids.target,
      detail: { reason: '100% of "order_1042"' },
    },
    {
      kind: 'grant.intended',
      actor: ANNA,
      requestId: ids.request,
      grantId: ids.grant,
      targetId: ids.target,
      detail: {},
    },
    {
      kind: 'request.submitted',
      actor: BOB,
      requestId: newId('request'),
      detail: { reason: '100x of orderX1042' },
    },
    {
      kind: 'grant.active',
      actor: SYSTEM_ACTOR,
      grantId: ids.grant,
      targetId: ids.target,
      detail: { login: 'sp_1' },
    },
    { kind: 'session.opened', actor: ANNA, sessionId: ids.session, detail: { target: 'orders-db' } },
    { kind: 'grants', actor: BOB, detail: {} },
  ];
  for (const entry of entries) await log.db.transaction().execute((trx) => append(trx, entry));
});
after(() => log.close());

async function kinds(search: Partial<AuditSearch>): Promise<string[]> {
  const { items } = await searchAudit(log.db, { limit: 50, ...search });
  return items.map((item) => item.leaf.kind);
}

test('each filter finds what it says, newest first', async () => {
  const story = ['grant.active', 'grant.intended', 'request.submitted'];
  assert.equal((await kinds({})).length, 7);
  assert.deepEqual(await kinds({ kind: 'grant' }), ['grant.active', 'grant.intended']);
  assert.deepEqual(await kinds({ kind: 'grant.active' }), ['grant.active']);
  assert.deepEqual(await kinds({ kind: 'g%' }), []);
  assert.deepEqual(await kinds({ actor: 'anna' }), ['session.opened', 'grant.intended', 'request.submitted']);
  assert.deepEqual(await kinds({ actor: BOB.id }), ['grants', 'request.submitted']);
  assert.deepEqual(await kinds({ actor: 'nobody' }), []);
  assert.deepEqual(await kinds({ target: 'orders-db' }), story);
  assert.deepEqual(await kinds({ target: ids.target }), story);
  assert.deepEqual(await kinds({ request: ids.request }), ['grant.intended', 'request.submitted']);
  assert.deepEqual(await kinds({ grant: ids.grant }), ['grant.active', 'grant.intended']);
  assert.deepEqual(await kinds({ session: ids.session }), ['session.opened']);
  assert.deepEqual(await kinds({ grant: ids.grant, kind: 'request.submitted' }), []);
});

test('a text is found as it was written: quotes, percent and underscore are only themselves', async () => {
  assert.deepEqual(await kinds({ text: '100% of "ORDER_1042"' }), ['request.submitted']);
  assert.deepEqual(await kinds({ text: 'order_1042' }), ['request.submitted']);
  assert.equal((await kinds({ text: '100' })).length, 2);
  assert.deepEqual(await kinds({ text: "'; drop table audit_entries" }), []);
});

test('times bound it', async () => {
  const soon = new Date(Date.now() + 60_000).toISOString();
  const before = new Date(Date.now() - 3_600_000).toISOString();
  assert.equal((await kinds({ from: before, to: soon })).length, 7);
  assert.equal((await kinds({ from: soon })).length, 0);
  assert.equal((await kinds({ to: before })).length, 0);
});

test('pages hold everything once, also when entries come in between', async () => {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await searchAudit(log.db, { limit: 3, cursor });
    assert.ok(page.items.length <= 3);
    seen.push(...page.items.map((item) => `${item.leaf.kind} ${item.leaf.actor.name}`));
    cursor = page.nextCursor ?? undefined;
    await log.write('later');
  } while (cursor !== undefined);
  assert.equal(seen.length, 7);
  assert.equal(new Set(seen).size, 7);
  await assert.rejects(searchAudit(log.db, { limit: 3, cursor: "1'" }), (error) => error instanceof Failure);
});

test('an entry says where it stands once it is numbered, and what happened in words', async () => {
  const unnumbered = await searchAudit(log.db, { limit: 1, kind: 'grant.active' });
  assert.equal(unnumbered.items[0]?.index, null);
  assert.equal(unnumbered.items[0]?.leafHash, null);
  const sequencer = log.sequencer();
  await sequencer.flush();
  await sequencer.stop();
  const [item] = (await searchAudit(log.db, { limit: 1, kind: 'grant.active' })).items;
  assert.equal(item?.index, 4);
  assert.match(item?.leafHash ?? '', /^[0-9a-f]{64}$/);
  assert.equal(item?.sentence, 'The grant with the login sp_1 became active.');
});

test('the story of one elevation is told from either id, sessions and all, oldest first', async () => {
  const story = ['request.submitted', 'grant.intended', 'grant.active', 'session.opened'];
  const of = async (by: { requestId: string } | { grantId: string }) =>
    (await auditTimeline(log.db, by)).map((item) => item.leaf.kind);
  assert.deepEqual(await of({ requestId: ids.request }), story);
  assert.deepEqual(await of({ grantId: ids.grant }), story);
  assert.deepEqual(await of({ grantId: newId('grant') }), []);
});

test('an entry whose text somebody damaged is still shown, and says so', async () => {
  await sql`update audit_entries set leaf = '{' where kind = 'system.started'`.execute(log.db);
  const [item] = (await searchAudit(log.db, { limit: 1, kind: 'system.started' })).items;
  assert.match(item?.sentence ?? '', /damaged/);
  assert.equal((await log.verify()).badIndex, 0);
});
