// The main job as people do it in the portal, in a real Chromium against the real demo: ask, approve as somebody
// else, work through the gateway, watch it, give it back, read the receipt and the log. Whatever a page complains
// about on its console fails the test (test/harness/browser.ts). Long because all of it shares one started product and
// one browser, which take longer to start than most of these tests to run.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { type Grant, grant, issuedCredential } from '../../src/api/grants.ts';
import { type Submitted, submitted } from '../../src/api/requests.ts';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');
const LOOK_LIMIT_MS = 10_000;
const NARROW = { viewport: { width: 360, height: 760 } } as const;
/** Chromium tells of a failed answer on the console; where the answer is what the test is about, it is forgiven. */
const failed = (status: number) => new RegExp(`status of ${status} `);

let sallyport: Sallyport;
let chromium: Chromium;

/** Signed in with one click, and on My access. */
async function enter(person: Person, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await chromium.visit(options);
  await page.goto('/');
  await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
  await heading(page, 'My access').waitFor();
  return page;
}

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const heading2 = (page: Page, name: string) => page.getByRole('heading', { level: 2, name, exact: true });
const button = (at: Page | Locator, name: string) => at.getByRole('button', { name, exact: true });
const place = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click();

/** Until the page is left or loaded again, `stayed` says so: what changes after this did so without a reload. */
const mark = (page: Page) => page.evaluate('window.unreloaded = true');
const stayed = async (page: Page) =>
  assert.equal(await page.evaluate('window.unreloaded'), true, 'it was reloaded');

const ask = (person: Person, task: string, duration: string, reason: string): Promise<Submitted> =>
  sallyport.ask(person, 'POST', `/api/requests?wait=${task === 'read-orders' ? 20 : 0}`, submitted, {
    target: 'orders-db',
    task,
    duration,
    reason,
  });

async function held(duration: string, reason: string): Promise<Grant> {
  const answer = await ask('engineer', 'read-orders', duration, reason);
  assert.equal(answer.grant?.state, 'active', JSON.stringify(answer));
  return answer.grant;
}

async function connect(dsn: string): Promise<{ client: pg.Client; ended: Promise<void> }> {
  const client = new pg.Client({ connectionString: dsn, application_name: 'portal test' });
  client.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
  await client.connect();
  return { client, ended };
}

async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + LOOK_LIMIT_MS;
  while (!(await look())) {
    assert.ok(Date.now() < until, `not so within ${LOOK_LIMIT_MS} ms: ${what}`);
    await delay(50);
  }
}

async function giveBack(id: string): Promise<void> {
  await sallyport.ask('engineer', 'POST', `/api/grants/${id}/done?wait=20`, grant);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = createServer().once('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      listener.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

describe('the portal in Chromium', { skip }, () => {
  before(async () => {
    // A port that stays, since one of the tests stops the server and starts it again under an open page.
    sallyport = await startSallyport({ SALLY_HTTP_PORT: String(await freePort()) });
    chromium = await startChromium(sallyport.server());
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await sallyport?.[Symbol.asyncDispose]();
  });
  afterEach(() => chromium.settle());

  test('from the request to the receipt: two people, one grant, a recorded session', async () => {
    const [engineer, approver] = [await enter('engineer'), await enter('approver')];
    await place(approver, 'Approvals');
    await approver.getByText('Nothing waits for you').waitFor();
    await mark(approver);

    await place(engineer, 'Request');
    await engineer.getByRole('combobox', { name: 'Target', exact: true }).fill('eu/orders');
    await engineer.getByRole('option', { name: /^orders-db/ }).click();
    await engineer.getByRole('combobox', { name: 'Task', exact: true }).fill('refunds');
    await engineer.getByRole('option', { name: /^fix-orders/ }).click();
    const outlook = engineer.getByRole('complementary', { name: 'What will happen' });
    await outlook.getByText('change status, note of public.orders').waitFor();
    await outlook.getByText('Needs approval', { exact: true }).waitFor();
    await outlook.getByText('Correcting orders takes one approval').waitFor();
    await engineer.getByRole('radio', { name: 'Other' }).check();
    await engineer.getByLabel('Own duration').fill('10m');
    await button(engineer, 'Request access').click();
    await engineer.getByText('Still missing: a reason.').waitFor();
    await engineer.getByRole('textbox', { name: 'Reason' }).fill('Order 1042 was paid twice');
    await engineer.getByRole('textbox', { name: 'Ticket' }).fill('OPS-2211');
    await button(engineer, 'Request access').click();
    await engineer.waitForURL(/\/requests\/req_/);
    await engineer.getByText('Amal Approver and Sam Second can').waitFor();
    await mark(engineer);

    // The card comes by itself, and so does the count in the menu.
    const card = approver.getByRole('article', { name: 'engineer asks for fix-orders on orders-db' });
    await card.waitFor();
    await stayed(approver);
    await approver.getByRole('link', { name: /^Approvals.*1/ }).waitFor();
    for (const told of [
      'Order 1042 was paid twice',
      'OPS-2211',
      'prod/eu/orders',
      'insert into public.refunds',
    ])
      await card.getByText(told).first().waitFor();
    await engineer.getByText(/Looked at by Amal Approver/).waitFor();
    await card.getByRole('radio', { name: '5m', exact: true }).check();
    await button(card, 'Approve for 5m').click();
    await card.getByText('Approved', { exact: true }).first().waitFor();

    const held = engineer.getByRole('article', { name: 'fix-orders on orders-db' });
    const timer = held.getByRole('timer');
    await timer.waitFor();
    assert.match((await timer.textContent()) ?? '', /^(5:00|4:\d\d)$/);
    await stayed(engineer);

    await button(held, 'Show a connection string').click();
    const dialog = engineer.getByRole('dialog');
    await button(dialog, 'Issue and show').click();
    const shown = (await dialog.getByText(/postgres:\/\//).textContent()) ?? '';
    await button(dialog, 'I have it').click();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await engineer.getByText(/postgres:\/\//).count(), 0, 'it is shown once');
    const { client, ended } = await connect(shown.trim());
    const update = "update orders set note = 'paid twice' where id = 1042";
    assert.equal((await client.query('select id, status from orders order by id limit 3')).rowCount, 3);
    assert.equal((await client.query(update)).rowCount, 1);
    await assert.rejects(
      client.query('select email from customers'),
      /task fix-orders does not select customers/,
    );

    await place(engineer, 'Sessions');
    const line = engineer.getByRole('listitem').filter({ hasText: 'fix-orders' });
    await line.getByText('3 statements').waitFor();
    await line.getByRole('link').click();
    const statements = engineer.getByRole('list', { name: 'Statements' }).getByRole('listitem');
    await statements.nth(2).waitFor();
    assert.match((await statements.nth(0).textContent()) ?? '', /select id, status from orders.*3 rows/);
    assert.match((await statements.nth(1).textContent()) ?? '', /update orders set note.*1 row/);
    assert.match((await statements.nth(2).textContent()) ?? '', /select email from customers.*Refused/);
    await engineer.getByText('Only you watch.').waitFor();
    await mark(engineer);
    await client.query("select 'live' as word");
    await statements.nth(3).waitFor();
    await engineer.getByRole('img', { name: /^statements a second over the last minute/ }).waitFor();
    await stayed(engineer);
    await button(engineer, 'Jump to statement 2').click();
    await engineer.getByText('2 of 4', { exact: true }).waitFor();
    await button(engineer, 'Next statement').click();
    await engineer.getByText('3 of 4', { exact: true }).waitFor();
    await button(engineer, 'Play').click();
    await button(engineer, 'Pause').waitFor();

    await place(engineer, 'My access');
    await button(held, 'Done').click();
    await ended;
    await held.waitFor({ state: 'hidden' });
    await button(engineer, 'Receipt for fix-orders on orders-db').click();
    const receipt = engineer.getByRole('listitem').filter({ hasText: 'fix-orders' });
    const used = receipt.locator('section').filter({ has: engineer.getByRole('heading', { name: 'Used' }) });
    await used.first().getByText('change status, note of public.orders').waitFor();
    const unused = receipt
      .locator('section')
      .filter({ has: engineer.getByRole('heading', { name: 'Not used' }) });
    await unused.getByText('insert into public.refunds').waitFor();

    const auditor = await enter('auditor');
    await place(auditor, 'Audit');
    await auditor.getByRole('tab', { name: 'Elevations' }).click();
    await auditor.getByRole('link', { name: /fix-orders.*orders-db/ }).click();
    await heading(auditor, 'fix-orders on orders-db').waitFor();
    for (const told of [
      /Erin Engineer asked for fix-orders on orders-db for 10 min/,
      /Amal Approver approved it for 5 min/,
      /A session began from 127\.0\.0\.1/,
      /began to watch a session of engineer/,
      /4 statements, /,
      /The target says that nothing is left of it/,
      /became active/,
    ])
      await auditor.getByText(told).first().waitFor();
    await auditor.getByText('Gone, verified', { exact: true }).waitFor();
    await place(auditor, 'Audit');
    await auditor.getByRole('tab', { name: 'Log' }).click();
    await auditor.getByRole('textbox', { name: 'Search the log' }).fill('1042 was paid twice');
    await button(auditor, 'Search').click();
    const entries = auditor.getByRole('list', { name: /Entries/ }).getByRole('listitem');
    await entries.filter({ hasText: 'engineer asked for fix-orders' }).waitFor();
    assert.equal(await entries.filter({ hasText: 'signed in' }).count(), 0);
  });

  test('a denial reaches the requester with its reason; a request can be taken back', async () => {
    const { request } = await ask('engineer', 'change-schema', '1h', 'Add a column for the carrier');
    const [engineer, approver] = [await enter('engineer'), await enter('approver')];
    await engineer.goto(`/requests/${request.id}`);
    await engineer.getByText('Pending', { exact: true }).waitFor();
    await place(approver, 'Approvals 1');
    const card = approver.getByRole('article', { name: 'engineer asks for change-schema on orders-db' });
    await card.getByText('0 of 2').waitFor();
    await button(card, 'Deny').click();
    await card.getByRole('textbox', { name: 'Reason for denying' }).fill('Wait for Monday');
    await button(card, 'Deny').click();
    await engineer.getByText('by Amal Approver: Wait for Monday').waitFor();

    const other = await ask('engineer', 'fix-orders', '15m', 'Not needed after all');
    await place(engineer, 'My access');
    const pending = engineer.getByRole('article', { name: 'fix-orders on orders-db, pending' });
    await pending.getByText('Not needed after all').waitFor();
    await button(pending, 'Cancel request').click();
    await pending.waitFor({ state: 'hidden' });
    await engineer.goto(`/requests/${other.request.id}`);
    await engineer.getByText('Cancelled', { exact: true }).first().waitFor();
  });

  test('by keyboard alone: what policy allows opens at once, is extended within its limit, and waits for approval beyond', async () => {
    const page = await enter('engineer');
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = (name: string) =>
      eventually(`the focus is on ${name}`, async () => (await page.evaluate(FOCUSED)) === name);
    await page.getByRole('link', { name: 'Request', exact: true }).focus();
    await press('Enter');
    await heading(page, 'Request').waitFor();
    await page.getByRole('combobox', { name: 'Target', exact: true }).waitFor();
    await press('Tab');
    await focused('Target');
    await page.keyboard.type('orders');
    await press('ArrowDown', 'Enter', 'Tab');
    await focused('Task');
    await page.keyboard.type('look at');
    await press('ArrowDown', 'Enter', 'Tab');
    await focused('Add another target or task');
    await press('Tab');
    await focused('1h');
    await press('ArrowLeft');
    await focused('30m');
    await press('Tab');
    await focused('Now');
    await press('Tab');
    await focused('Reason');
    await page.keyboard.type('How many wait?');
    await press('Tab', 'Tab');
    await focused('Request access');
    assert.equal(
      await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'"),
      true,
      'focus can be seen',
    );
    await page.getByText('Allowed at once', { exact: true }).waitFor();
    await press('Enter');
    await page.waitForURL(/\/requests\/req_/);
    const card = page.getByRole('article', { name: 'read-orders on orders-db' });
    await card.getByRole('timer').waitFor();
    await card.getByText(/left of 30 min/).waitFor();

    for (const reason of ['Nearly there', 'And again']) {
      await button(card, 'Extend').focus();
      await press('Enter');
      await page.getByRole('textbox', { name: 'Why' }).waitFor();
      await focused('Why');
      await page.keyboard.type(reason);
      await press('Tab');
      await focused('Extend by 30m');
      await press('Enter');
      if (reason === 'Nearly there') await card.getByText(/left of 1 h/).waitFor();
    }
    await card.getByText(/in all waits for approval/).waitFor();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await button(card, 'Done').click();
    await page.getByText('The target says that nothing is left of it', { exact: false }).first().waitFor();
  });

  test('two tasks together: both outlooks, one named twice, one decision for both, and both open', async () => {
    const [engineer, approver] = [await enter('engineer'), await enter('approver')];
    await engineer.goto('/request?target=orders-db&task=fix-orders');
    await button(engineer, 'Add another target or task').click();
    const pick = async (label: string, option: RegExp) => {
      await engineer.getByRole('combobox', { name: label, exact: true }).click();
      await engineer.getByRole('option', { name: option }).click();
    };
    await button(engineer, 'Request access').click();
    await engineer.getByText('Still missing: target 2, task 2 and a reason.').waitFor();
    await pick('Target 2', /^orders-db/);
    await pick('Task 2', /^fix-orders/);
    await engineer.getByRole('textbox', { name: 'Reason' }).fill('Correct, and look at the result');
    chromium.forgive(failed(422));
    await button(engineer, 'Request access').click();
    await engineer.getByText('fix-orders on orders-db is named twice.').waitFor();
    await pick('Task 2', /^read-orders/);
    const outlook = engineer.getByRole('complementary', { name: 'What will happen' });
    const part = (name: string) => outlook.getByRole('region', { name, exact: true });
    await part('fix-orders on orders-db').getByText('Needs approval', { exact: true }).waitFor();
    await part('read-orders on orders-db').getByText('Allowed at once', { exact: true }).waitFor();
    await button(engineer, 'Request access').click();
    await engineer.waitForURL(/\/requests\/req_/);
    await heading(engineer, '2 tasks together').waitFor();
    await approver.goto('/approvals');
    const card = approver.getByRole('article', { name: 'engineer asks for 2 tasks together' });
    await card.getByText('read-orders on orders-db').waitFor();
    await button(card, 'Approve').click();
    const opened = (task: string) => engineer.getByRole('article', { name: `${task} on orders-db` });
    for (const task of ['fix-orders', 'read-orders']) await opened(task).getByRole('timer').waitFor();
    await button(opened('fix-orders'), 'Done').click();
    await engineer.getByText(/^fix-orders on orders-db: the target says that nothing is left/).waitFor();
    await opened('read-orders').getByRole('timer').waitFor();
    await button(opened('read-orders'), 'Done').click();
    await engineer.getByText(/^read-orders on orders-db: the target says that nothing is left/).waitFor();
    for (const task of ['fix-orders', 'read-orders'])
      await heading2(engineer, `Receipt of ${task} on orders-db`).waitFor();
  });

  test('what policy refuses says what would be enough, before and after it is sent', async () => {
    const page = await enter('engineer');
    await page.goto('/request?target=orders-db&task=fix-orders');
    const outlook = page.getByRole('complementary', { name: 'What will happen' });
    await page.getByRole('radio', { name: 'Other' }).check();
    await page.getByLabel('Own duration').fill('8h');
    await outlook.getByText('What would be enough').waitFor();
    await outlook.getByText(/Ask for 4\s?h or less/).waitFor();
    await page.getByRole('textbox', { name: 'Reason' }).fill('A day of corrections');
    await button(page, 'Request access').click();
    await page.waitForURL(/\/requests\/req_/);
    await page
      .getByText(/8 h is longer than the 4 h/)
      .first()
      .waitFor();
    await page.getByRole('link', { name: /^Same again/ }).click();
    await button(page, 'Ask for 4 h instead').click();
    await outlook.getByText('Needs approval', { exact: true }).waitFor();
    assert.equal(await page.getByRole('radio', { name: '4h', exact: true }).isChecked(), true);
  });

  test('at the deadline the session is cut and the page says so, with nobody touching it', async () => {
    const granted = await held('15s', 'a very quick look');
    const { dsn } = await sallyport.ask(
      'engineer',
      'POST',
      `/api/grants/${granted.id}/credentials`,
      issuedCredential,
    );
    const { client, ended } = await connect(dsn);
    await client.query('select 1');
    const page = await enter('engineer');
    await page.goto(`/requests/${granted.requestId}`);
    await mark(page);
    await ended;
    const article = page.getByRole('article', { name: 'read-orders on orders-db' });
    await article.waitFor({ state: 'hidden' });
    await page.getByText('Gone, verified', { exact: true }).waitFor();
    await page.getByText('The session ended').first().waitFor();
    await page.getByRole('heading', { name: 'Receipt' }).waitFor();
    await stayed(page);
  });

  test('an administrator ends a session, then revokes the grant; its holder sees both happen', async () => {
    const granted = await held('10m', 'held for too long');
    const { dsn } = await sallyport.ask(
      'engineer',
      'POST',
      `/api/grants/${granted.id}/credentials`,
      issuedCredential,
    );
    const { client, ended } = await connect(dsn);
    await client.query('select 1');
    const [engineer, admin] = [await enter('engineer'), await enter('admin')];
    await engineer.goto(`/requests/${granted.requestId}`);
    await engineer.getByRole('timer').waitFor();
    await mark(engineer);
    await place(admin, 'Sessions');
    await admin.getByRole('listitem').filter({ hasText: 'read-orders' }).getByRole('link').click();
    await admin.getByText('Only you watch.').waitFor();
    await button(admin, 'End session').click();
    await admin.getByRole('textbox', { name: 'Reason' }).fill('Maintenance begins');
    await button(admin, 'End it now').click();
    await ended;
    await admin.getByText('Over', { exact: true }).waitFor();
    await engineer.getByText('The session ended').first().waitFor();
    await engineer.getByRole('timer').waitFor();
    await admin.getByRole('link', { name: 'The elevation' }).click();
    await button(admin, 'Revoke').click();
    await admin.getByRole('textbox', { name: 'Reason' }).fill('The target is being moved');
    await button(admin, 'Revoke now').click();
    await admin.getByText('Gone, verified', { exact: true }).waitFor();
    await engineer.getByRole('timer').waitFor({ state: 'hidden' });
    await engineer.getByRole('heading', { name: 'Receipt' }).waitFor();
    await stayed(engineer);
  });

  test('nobody finds another person’s grants, sessions or requests', async () => {
    const { grant: theirs, request } = await ask('second-approver', 'read-orders', '5m', 'for my eyes only');
    assert.ok(theirs !== null);
    const page = await enter('engineer');
    await page.getByText('Nothing is open').waitFor();
    chromium.forgive(failed(404));
    for (const path of [`/requests/${request.id}`, `/grants/${theirs.id}`]) {
      await page.goto(path);
      await page.getByRole('alert').waitFor();
      assert.equal(await page.getByText('for my eyes only').count(), 0, path);
    }
    await page.goto('/audit');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByRole('tab', { name: 'Open now' }).click();
    await page.getByText('Nobody holds anything').waitFor();
    await sallyport.ask('second-approver', 'POST', `/api/grants/${theirs.id}/done?wait=20`, grant);
  });

  test('a token signs in, a wrong one does not, and signing out ends it', async () => {
    const page = await chromium.visit(NARROW);
    await page.goto('/targets');
    await page.getByText('Use a token instead').click();
    const token = page.getByRole('textbox', { name: 'Token' });
    await token.fill('slp_this_is_no_token');
    chromium.forgive(failed(401));
    await button(page, 'Sign in with the token').click();
    await page.getByRole('alert').waitFor();
    await token.fill(sallyport.token('approver'));
    await button(page, 'Sign in with the token').click();
    // Where it was meant to lead in the first place.
    await heading(page, 'Targets').waitFor();
    await button(page, 'More').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await heading(page, 'Sign in').waitFor();
    await page.goto('/');
    await heading(page, 'Sign in').waitFor();
  });

  test('an administrator connects a target and writes a task; both can be asked about at once', async () => {
    const page = await enter('admin');
    const admin = new URL(sallyport.adminUrl());
    await page.goto('/targets/new');
    await button(page, 'Add target').click();
    await page.getByText('Some fields need another look.').waitFor();
    const fields = {
      Name: 'second-db',
      Segment: 'prod/eu/orders',
      Host: admin.hostname,
      Port: admin.port,
      Database: 'orders',
      User: decodeURIComponent(admin.username),
    };
    for (const [name, value] of Object.entries(fields))
      await page.getByRole('textbox', { name, exact: true }).fill(value);
    await page.getByRole('textbox', { name: 'Password' }).fill(decodeURIComponent(admin.password));
    await button(page, 'Add target').click();
    await heading(page, 'second-db').waitFor();
    await button(page, 'Check now').click();
    await page.getByText(/checks passed/).waitFor();
    await button(page, 'List it').click();
    await page.getByRole('row').filter({ hasText: 'reporting' }).first().waitFor();

    await page.goto('/tasks/new');
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('count-refunds');
    await page.getByRole('textbox', { name: 'Segment', exact: true }).fill('prod/eu/orders');
    await page.getByRole('textbox', { name: 'Description' }).fill('Count refunds.');
    await page.getByRole('textbox', { name: 'Table', exact: true }).fill('refunds');
    await page.getByRole('textbox', { name: 'Only these columns' }).fill('id, cents');
    await button(page, 'Add task').click();
    await page.getByText('read id, cents of public.refunds').first().waitFor();
    await page.goto('/request?target=second-db&task=count-refunds');
    await page.getByText('read id, cents of public.refunds').first().waitFor();
  });

  test('every page fits 360 px, has a title, and is dark where dark is wanted', async () => {
    const granted = await held(
      '10m',
      'something to look at, with_a_long_word_that_has_to_be_broken_somewhere_on_a_phone',
    );
    const { dsn } = await sallyport.ask(
      'engineer',
      'POST',
      `/api/grants/${granted.id}/credentials`,
      issuedCredential,
    );
    const { client } = await connect(dsn);
    await client.query(`select ${'length(note) + '.repeat(30)} 0 as long_line from orders limit 1`);
    const dark = { ...NARROW, colorScheme: 'dark' } as const;
    const [engineer, approver] = [await enter('engineer', dark), await enter('approver', dark)];
    const [auditor, admin] = [await enter('auditor', dark), await enter('admin', dark)];
    await ask('engineer', 'fix-orders', '20m', 'something to decide');
    await place(auditor, 'Sessions');
    await auditor.getByRole('listitem').filter({ hasText: 'read-orders' }).getByRole('link').click();
    await auditor.getByRole('list', { name: 'Statements' }).waitFor();
    const session = new URL(auditor.url()).pathname;
    const visits: [Page, string[]][] = [
      [
        engineer,
        ['/', '/request?target=orders-db&task=fix-orders', `/requests/${granted.requestId}`, '/nowhere'],
      ],
      [approver, ['/approvals']],
      [
        auditor,
        [
          '/sessions',
          session,
          '/audit?view=elevations',
          '/audit?view=holders',
          '/audit?view=log',
          '/audit?view=checkpoint',
          '/insights',
        ],
      ],
      [admin, ['/targets', '/targets?show=tasks', '/targets/orders-db', '/targets/new', '/tasks/new']],
    ];
    const visit = async (page: Page, path: string) => {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await eventually(`${path} is loaded`, async () => (await page.locator(BUSY).count()) === 0);
      const seen = (await page.evaluate(LOOK)) as { over: number; lightness: number; title: string };
      assert.ok(seen.over <= 0, `${path} is ${seen.over} px wider than the screen`);
      assert.ok(seen.lightness < 60, `${path} is not dark: ${seen.lightness}`);
      assert.match(seen.title, /^\S.* · Sallyport$/, path);
    };
    await Promise.all(
      visits.map(async ([page, paths]) => {
        for (const path of paths) await visit(page, path);
      }),
    );
    await client.end();
    await giveBack(granted.id);
  });

  test('a server that stops is told of on the open page, and forgotten when it is back', async () => {
    const page = await enter('engineer');
    await mark(page);
    chromium.forgive(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET/);
    chromium.forgive(failed(503));
    await sallyport.stop();
    const banner = page.getByRole('status').filter({ hasText: 'The server does not answer.' });
    await banner.waitFor();
    await sallyport.start();
    await banner.waitFor({ state: 'hidden', timeout: 20_000 });
    await stayed(page);
    await place(page, 'Targets');
    await page.getByText('orders-db').first().waitFor();
  });
});

/** The name of the control that has the focus. */
const FOCUSED = `(document.activeElement.labels?.[0] ?? document.activeElement).textContent`;
const BUSY = '[aria-busy=true]';
const LOOK = `(() => {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
  const root = document.documentElement;
  return { over: root.scrollWidth - root.clientWidth, lightness: (red + green + blue) / 3, title: document.title };
})()`;
