// Statements that wait for a yes, by people: who is told, who answers for whom is away, what counts and what is written
// down; and the whole way in a real Chromium, from a client that waits to the row that it changed.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { issuedCredential } from '../../src/api/grants.ts';
import { noticePage } from '../../src/api/notices.ts';
import { type StatementCard, statementCard } from '../../src/api/statements.ts';
import { pageOf } from '../../src/api/text.ts';
import { startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');
const LOOK_LIMIT_MS = 30_000;

let sallyport: Sallyport;
let company: Company;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  await company.hire('ann', 'dba');
  await company.hire('bo', 'dba');
  await company.hire('lee', 'leads');
  await company.hire('sub');
  await sallyport.ask('admin', 'POST', '/api/tasks', z.unknown(), {
    name: 'mend-orders',
    kind: 'postgres',
    segment: 'prod/eu/orders',
    description: 'Mend orders.',
    entitlement: { tables: [{ name: 'public.orders', privileges: ['SELECT', 'UPDATE'] }] },
  });
});
after(async () => {
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

/** Mending orders, each write by these stages; whoever is in one of their groups may approve. */
const publish = (stages: string) =>
  company.publish(`
permit (principal, action == Action::"approve", resource)
  when { principal in Group::"dba" || principal in Group::"leads" || principal in Group::"approvers" };
@maxDuration("1h")
@approveStatements("write by ${stages.replaceAll('"', '\\"')}")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource
) when { context.task == Task::"mend-orders" };`);

async function mender(): Promise<pg.Client & AsyncDisposable> {
  const { grant } = await company.request('engineer', { task: 'mend-orders', reason: 'order 77 hangs' }, 20);
  const at = `/api/grants/${grant?.id}/credentials`;
  const { dsn } = await company.ask('engineer', 'POST', at, issuedCredential);
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** What it came to: null when it ran, its SQLSTATE and message when it did not. */
type Outcome = Promise<{ code: string; message: string } | null>;

function run(client: pg.Client, text: string, values: unknown[] = []): Outcome {
  return client.query(text, values).then(
    () => null,
    (error: { code: string; message: string }) => error,
  );
}

async function eventually<T>(what: string, look: () => Promise<T | null | false | undefined>): Promise<T> {
  const until = Date.now() + LOOK_LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false && found !== undefined) return found;
    assert.ok(Date.now() < until, `not so within ${LOOK_LIMIT_MS} ms: ${what}`);
    await delay(100);
  }
}

const waitingFor = async (name: string): Promise<StatementCard | undefined> =>
  (await company.ask(name, 'GET', '/api/statements?view=approvals', pageOf(statementCard))).items[0];
const waiting = (name: string) => eventually(`a statement waits for ${name}`, () => waitingFor(name));
const card = (name: string, id: string) => company.ask(name, 'GET', `/api/statements/${id}`, statementCard);
const approve = (name: string, { id, digest }: Pick<StatementCard, 'id' | 'digest'>) =>
  company.call(name, 'POST', `/api/statements/${id}/approve`, { digest });
const deny = (name: string, { id }: Pick<StatementCard, 'id'>, reason = 'not today') =>
  company.call(name, 'POST', `/api/statements/${id}/deny`, { reason });
const told = async (name: string, id: string) =>
  (await company.ask(name, 'GET', '/api/notices', noticePage)).items.filter((one) => one.subjectId === id);

async function entries(id: string): Promise<{ kind: string; who: string; more: string | null }[]> {
  const { rows } = await company.store.query(
    `select kind, leaf::jsonb -> 'actor' ->> 'name' as who,
       coalesce(leaf::jsonb -> 'detail' ->> 'onBehalfOf', leaf::jsonb -> 'detail' ->> 'code') as more
     from audit_entries where leaf::jsonb -> 'detail' ->> 'statement' = $1 order by seq`,
    [id],
  );
  return rows;
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const delegation = (who: string, standIn: string) =>
  company.call(who, 'POST', '/api/delegations', { standIn, until: inAnHour() });
const endAll = async (who: string) => {
  const { items } = (await company.call(who, 'GET', '/api/delegations')).body as { items: { id: string }[] };
  for (const { id } of items) await company.call(who, 'POST', `/api/delegations/${id}/end`);
};

test('whoever could say yes now is told, nobody else and nothing of its text; once it is decided nobody has to look', async () => {
  await publish('1 of Group::"dba"; 1 of Group::"leads"');
  await using client = await mender();
  const outcome = run(client, "update orders set note = 'a secret' where id = 77");
  const asked = await waiting('ann');
  for (const name of ['ann', 'bo']) {
    const [notice, ...more] = await told(name, asked.id);
    assert.deepEqual([notice?.kind, notice?.readAt, more.length], ['statement', null, 0], name);
    assert.match(notice?.text ?? '', /wants to run one statement on orders-db \(mend-orders\).*10 min/);
    assert.doesNotMatch(notice?.text ?? '', /secret|update/);
  }
  for (const name of ['lee', 'engineer', 'sub', 'approver'])
    assert.deepEqual(await told(name, asked.id), [], name);
  assert.equal((await approve('ann', asked)).status, 200);
  const [later] = await told('lee', asked.id);
  assert.equal(later?.readAt, null, 'the second stage opened');
  assert.equal((await told('bo', asked.id)).length, 1);
  assert.equal((await deny('lee', asked)).status, 200);
  assert.match((await outcome)?.message ?? '', /denied it: not today/);
  for (const name of ['ann', 'bo', 'lee'])
    assert.notEqual((await told(name, asked.id))[0]?.readAt, null, name);

  const second = run(client, "update orders set note = 'again' where id = 77");
  const next = await waiting('ann');
  await client.end();
  await second;
  await eventually('what was withdrawn is nobody’s to look at', async () =>
    (await told('ann', next.id)).every((one) => one.readAt !== null),
  );
});

test('a stand-in answers for who is away: told, on the card, one person with them, written down, over when it ends', async () => {
  await publish('2 of Group::"dba"');
  assert.equal((await delegation('ann', 'sub')).status, 201);
  await using client = await mender();
  const outcome = run(client, "update orders set note = 'by two' where id = 77");
  const asked = await waiting('sub');
  assert.equal((await told('sub', asked.id)).length, 1);
  const [pair] = asked.stages[0]?.standIns ?? [];
  assert.deepEqual([pair?.by.name, pair?.onBehalfOf.name, asked.mayApprove], ['sub', 'ann', true]);
  assert.equal((await approve('sub', asked)).status, 200);
  const seen = await card('ann', asked.id);
  assert.deepEqual(
    seen.approvals.map((yes) => [yes.by.name, yes.onBehalfOf?.name]),
    [['sub', 'ann']],
  );
  // Who was stood in for has spoken, and so has the stand-in.
  assert.deepEqual([codeOf(await approve('ann', asked)), seen.mayApprove], ['may-not-approve', false]);
  assert.equal(codeOf(await approve('sub', asked)), 'already-decided');
  assert.equal((await card('bo', asked.id)).state, 'waiting');
  assert.equal((await approve('bo', asked)).status, 200);
  assert.equal(await outcome, null);
  assert.deepEqual(
    (await entries(asked.id)).map((one) => `${one.kind} ${one.who} ${one.more ?? ''}`.trim()),
    [
      'statement.asked engineer',
      'statement.approved sub ann',
      'approval.refused ann may-not-approve',
      'statement.approved bo',
      'statement.run engineer',
    ],
  );

  const refused = run(client, "update orders set note = 'no' where id = 77");
  assert.equal((await deny('sub', await waiting('sub'))).status, 200);
  assert.equal((await refused)?.code, '42501');

  const last = run(client, "update orders set note = 'over' where id = 77");
  const after = await waiting('sub');
  await endAll('ann');
  assert.equal((await approve('sub', after)).status, 404, 'it is over, and sub is nobody here');
  assert.equal((await deny('sub', after)).status, 404);
  assert.equal((await deny('bo', after)).status, 200);
  assert.equal((await last)?.code, '42501');
});

test('a stand-in says no yes to their own statement, nor with a way in that its requester handed out', async () => {
  await publish('1 of Group::"dba"');
  assert.equal((await delegation('bo', 'engineer')).status, 201);
  await using client = await mender();
  const outcome = run(client, "update orders set note = 'mine' where id = 77");
  const asked = await waiting('ann');
  assert.equal(codeOf(await approve('engineer', asked)), 'may-not-approve');
  assert.equal((await card('engineer', asked.id)).mayApprove, false);
  const hand = (by: string) =>
    company.store.query(
      `update tokens set handed_by = case when $1 = '' then '{}'::text[]
         else array(select id from principals where name = $1) end
       where principal_id = (select id from principals where name = 'ann')`,
      [by],
    );
  await hand('engineer');
  await eventually('the way in is known as the requester’s', async () => {
    const answer = await approve('ann', asked);
    return answer.status === 403 && codeOf(answer) === 'handed-out';
  });
  await hand('');
  assert.equal((await card('bo', asked.id)).state, 'waiting');
  assert.equal((await approve('bo', asked)).status, 200);
  assert.equal(await outcome, null);
  await endAll('bo');
});

describe('in the portal', { skip }, () => {
  async function enter(visit: () => Promise<Page>, person: Person): Promise<Page> {
    const page = await visit();
    await page.goto('/');
    await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'My access', exact: true }).waitFor();
    return page;
  }

  test('a statement waits, its card shows text, values and estimate; a yes runs exactly it, other values wait anew; a no refuses', async () => {
    await publish('1 of Group::"approvers"');
    await using chromium = await startChromium(sallyport.server());
    const page = await enter(() => chromium.visit(), 'approver');
    await using client = await mender();
    const text = 'update orders set note = $1 where id = $2';
    const outcome = run(client, text, ['mended in the portal', 77]);

    // The count comes by itself, and the notice with it.
    await page.getByRole('link', { name: /^Notices.*1/ }).waitFor();
    await page.getByRole('link', { name: /^Approvals.*1/ }).click();
    await page.getByRole('heading', { level: 2, name: 'Statements that wait' }).waitFor();
    await page.getByRole('link', { name: 'engineer · one statement on orders-db' }).click();
    await page.getByRole('heading', { level: 1, name: 'One statement on orders-db' }).waitFor();
    for (const shown of [text, '$1 = mended in the portal', '$2 = 77', 'order 77 hangs'])
      await page.getByText(shown).first().waitFor();
    await page.getByText(/Update on orders.*cost=/).waitFor();
    await page.getByText(/Amal Approver and Sam Second can approve now/).waitFor();
    assert.equal(await Promise.race([outcome, delay(200, 'waits')]), 'waits', 'nothing runs before the yes');
    await page.getByRole('button', { name: 'Approve this statement' }).click();
    assert.equal(await outcome, null, 'it ran');
    await page.getByText('by Amal Approver').waitFor();
    await page.getByRole('button', { name: 'Approve this statement' }).waitFor({ state: 'detached' });
    const note = async (id: number) =>
      (await client.query('select note from orders where id = $1', [id])).rows[0]?.note;
    assert.equal(await note(77), 'mended in the portal');

    // The same text with another value is another statement: the yes before does not cover it.
    const other = run(client, text, ['mended in the portal', 78]);
    await page.goto('/notices');
    await page
      .getByRole('link', { name: /wants to run one statement on orders-db/ })
      .first()
      .click();
    await page.getByText('$2 = 78').waitFor();
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Deny this statement' });
    await dialog.getByRole('textbox').fill('78 was fine');
    await dialog.getByRole('button', { name: 'Deny it' }).click();
    await page.getByText('Amal Approver said no: “78 was fine”').waitFor();
    assert.match((await other)?.message ?? '', /denied it: 78 was fine/);
    assert.notEqual(await note(78), 'mended in the portal');
    await page.getByRole('link', { name: /^Notices.*1/ }).waitFor({ state: 'detached' });
    await chromium.settle();
  });
});
