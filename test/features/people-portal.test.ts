// What administrators do in the portal, in a real Chromium: people, labels of columns, a target's login, the kill switch,
// emergency kits, drills and what Health says of them; a grant that waits for its time, and glass that is broken.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { drill } from '../../src/api/break-glass.ts';
import { issuedCredential } from '../../src/api/grants.ts';
import { type Kit, kitList, kit as kitSchema } from '../../src/api/kits.ts';
import { submitted } from '../../src/api/requests.ts';
import { session as sessionSchema } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');

describe('in Chromium', { skip }, () => {
  let sallyport: Sallyport;
  let chromium: Chromium;
  before(async () => {
    sallyport = await startSallyport();
    chromium = await startChromium(sallyport.server());
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await sallyport?.[Symbol.asyncDispose]();
  });

  async function enter(person: Person, path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await chromium.visit(options);
    await page.goto('/');
    await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'My access' }).waitFor();
    await page.goto(path);
    return page;
  }

  test('a person is found, changed, and made an approver by two people', async () => {
    const page = await enter('admin', '/people');
    const people = page.getByRole('list', { name: 'People, services and agents' });
    await people.getByText('Erin Engineer').waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('engineer backend');
    assert.equal(await people.getByRole('listitem').count(), 1);
    await people.getByRole('button', { name: 'Erin Engineer' }).click();
    const panel = page.getByRole('region', { name: 'Erin Engineer' });
    await panel.getByText('Here, by hand').waitFor();
    await panel.getByRole('button', { name: 'Change', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Title' }).fill('Data engineer');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('new team');
    await dialog.getByRole('button', { name: 'Change', exact: true }).click();
    await panel.getByText('Data engineer').waitFor();
    await panel.getByRole('button', { name: 'Change', exact: true }).click();
    await dialog.getByRole('combobox', { name: 'Groups' }).click();
    await page.getByRole('option', { name: 'approvers' }).click();
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('on duty from now on');
    await dialog.getByRole('button', { name: 'Change', exact: true }).click();
    await panel.getByRole('status').getByText('Erin Engineer could then change policies.').waitFor();
    await page.getByRole('tab', { name: 'Waiting (1)' }).click();
    const waiting = page.getByRole('article', { name: 'A change of Erin Engineer' });
    await waiting.getByRole('button', { name: 'Take it back' }).waitFor();

    const second = await enter('approver', '/people');
    await second
      .getByRole('article', { name: 'A change of Erin Engineer' })
      .getByRole('button', { name: 'Confirm' })
      .click();
    await second.getByText('Nothing waits for a second person').waitFor();
    await page.getByText('Nothing waits for a second person').waitFor();
    await page.getByRole('tab', { name: 'Groups' }).click();
    const group = page.getByRole('article', { name: 'The group approvers' });
    await group.getByText('Erin Engineer').waitFor();
    await group.getByText(/Being in it lets a person change policies/).waitFor();
    await page.getByRole('textbox', { name: 'New group' }).fill('interns');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('button', { name: 'Delete interns' }).click();
    await page.getByRole('article', { name: 'The group interns' }).waitFor({ state: 'detached' });
    await chromium.settle();
  });

  test('somebody is disabled and enabled again', async () => {
    const page = await enter('admin', '/people?who=auditor');
    const panel = page.getByRole('region', { name: 'Ada Auditor' });
    await panel.getByRole('button', { name: 'Disable' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('left');
    await dialog.getByRole('button', { name: 'Disable now' }).click();
    await panel.getByText('Disabled', { exact: true }).waitFor();
    await panel.getByRole('button', { name: 'Enable' }).click();
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('came back');
    await dialog.getByRole('button', { name: 'Enable' }).click();
    await panel.getByRole('status').getByText('Ada Auditor could then audit.').waitFor();
    await chromium.settle();
  });

  test('a start in the future is asked for, and waits for its time in My access', async () => {
    const page = await enter('engineer', '/request?target=orders-db&task=read-orders');
    await page.getByText('Later', { exact: true }).click();
    const field = page.getByLabel('Starts at');
    await field.fill('2020-01-01T08:00');
    await page.getByText('That has passed already.').waitFor();
    const at = new Date(Date.now() + 2 * 86_400_000);
    await field.fill(`${at.toISOString().slice(0, 10)}T08:00`);
    await page.getByRole('textbox', { name: 'Reason' }).fill('the release');
    await page.getByRole('button', { name: 'Request access' }).click();
    await page.waitForURL(/\/requests\/req_/);
    await page.goto('/');
    const held = page.getByRole('article', { name: 'read-orders on orders-db' });
    await held.getByText('Planned').waitFor();
    await held.getByText(/It starts at .*08:00.*, for 1 h/).waitFor();
    await held.getByRole('button', { name: 'Call it off' }).click();
    await held.waitFor({ state: 'hidden' });
    await chromium.settle();
  });

  test('columns are labelled: suggested, confirmed, added with its error by field, taken away', async () => {
    const page = await enter('admin', '/targets/orders-db');
    await page.getByText('A change ends the masked sessions that are open on orders-db').waitFor();
    await page.getByRole('button', { name: 'Suggest labels' }).click();
    const suggested = page.getByRole('list', { name: 'Suggested labels' });
    const email = suggested.getByRole('listitem').filter({ hasText: 'public.customers.email' });
    await email.getByText(/Its name; \d+ of \d+ values look like mail/).waitFor();
    await email.getByRole('button', { name: /^Confirm pii for/ }).click();
    const labelled = page.getByRole('list', { name: 'Labelled columns' });
    await labelled.getByText('public.customers.email').waitFor();
    await email.waitFor({ state: 'detached' });

    const form = page.getByRole('form', { name: 'Label a column' });
    await form.getByRole('textbox', { name: 'Column' }).fill('customers');
    await form.getByRole('textbox', { name: 'Label' }).fill('PII!');
    await form.getByRole('button', { name: 'Label it' }).click();
    await form.getByText('Schema, table and column, such as').waitFor();
    await form.getByText(/A class of data: lower-case letters/).waitFor();
    await form.getByRole('textbox', { name: 'Column' }).fill('public.orders.note');
    await form.getByRole('textbox', { name: 'Label' }).fill('free-text');
    await form.getByRole('button', { name: 'Label it' }).click();
    await labelled.getByText('public.orders.note').waitFor();
    for (const column of ['public.customers.email', 'public.orders.note']) {
      await page.getByRole('button', { name: `Take the label of ${column} away` }).click();
      await labelled.getByText(column).waitFor({ state: 'detached' });
    }

    // Who may not change them sees them, and no way to.
    const reader = await enter('engineer', '/targets/orders-db');
    await reader.getByText('No column is labelled').waitFor();
    assert.equal(await reader.getByRole('form', { name: 'Label a column' }).count(), 0);
    await chromium.settle();
  });

  test('a target’s login and standbys: what does not work there is not kept, and the form says so', async () => {
    const page = await enter('admin', '/targets/orders-db');
    await page.getByRole('button', { name: 'Change its login' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Try it and keep it' }).click();
    await dialog.getByText('This is needed.').waitFor();
    chromium.forgive(/status of (409|422|503) /);
    await dialog.getByLabel('New password').fill('not the one');
    await dialog.getByRole('button', { name: 'Try it and keep it' }).click();
    await dialog.getByText('The target refused the administrator’s password. Nothing was changed.').waitFor();
    const { username, password } = new URL(sallyport.adminUrl());
    await dialog.getByLabel('User').fill(decodeURIComponent(username));
    await dialog.getByLabel('New password').fill(decodeURIComponent(password));
    await dialog.getByRole('button', { name: 'Try it and keep it' }).click();
    await dialog.waitFor({ state: 'hidden' });

    await page.getByRole('button', { name: 'Change standbys' }).click();
    await dialog.getByLabel('Standbys').fill('127.0.0.1:1\nreplica one');
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await dialog.getByText(/“replica one” is no address/).waitFor();
    // One that does not answer is kept, and the page says so: a standby may be down, and grants must end there too.
    await dialog.getByLabel('Standbys').fill('127.0.0.1:1');
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('127.0.0.1:1', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Change standbys' }).click();
    await dialog.getByLabel('Standbys').fill('');
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('127.0.0.1:1', { exact: true }).waitFor({ state: 'detached' });
    await chromium.settle();
  });

  test('the recording of a session is held and released on its page, which says when it was removed', async () => {
    const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
      ...{ target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'to be held' },
    });
    const grantId = asked.grant?.id ?? '';
    const path = `/api/grants/${grantId}/credentials`;
    const { dsn } = await sallyport.ask('engineer', 'POST', path, issuedCredential);
    const client = new pg.Client({ connectionString: dsn });
    await client.connect();
    await client.query('select 1');
    const sessions = `/api/sessions?grant=${grantId}`;
    const { items } = await sallyport.ask('admin', 'GET', sessions, pageOf(sessionSchema));
    const id = items[0]?.id ?? '';
    const page = await enter('admin', `/sessions/${id}`);
    await page.getByText('for ever', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Hold recording' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('case 1042');
    await dialog.getByRole('button', { name: 'Hold it' }).click();
    await page.getByText('Held by admin').waitFor();
    await page.getByText('case 1042').waitFor();
    await page.getByRole('button', { name: 'Release recording' }).click();
    await dialog.getByRole('textbox').fill('it is closed');
    await dialog.getByRole('button', { name: 'Release it' }).click();
    await page.getByText('Held by admin').waitFor({ state: 'detached' });
    await client.end();
    const store = new pg.Client({ connectionString: sallyport.storeUrl() });
    await store.connect();
    try {
      await store.query('update sessions set keep_s = 1 where id = $1', [id]);
      for (let looks = 0; looks < 300; looks++) {
        const { rows } = await store.query('select removed_at from sessions where id = $1', [id]);
        if (rows[0].removed_at !== null) break;
        await delay(100);
      }
    } finally {
      await store.end();
    }
    await page.reload();
    await page.getByText('Removed, its time was over').waitFor();
    await page.getByText(/Its recording was removed on .* by retention of 1s\./).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Hold recording' }).count(), 0);
    const given = await sallyport.call('engineer', 'POST', `/api/grants/${grantId}/done?wait=20`);
    assert.equal(given.status, 200);
    await chromium.settle();
  });

  test('the kill switch: typed once more, how far it is, said on every page, and lifted', async () => {
    const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
      ...{ target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'about to be stopped' },
    });
    assert.equal(grant?.state, 'active');
    const page = await enter('admin', '/kill?scope=target&name=orders-db');
    const engineer = await enter('engineer', '/');
    await engineer.getByRole('article', { name: 'read-orders on orders-db' }).waitFor();
    const form = page.getByRole('form', { name: 'Stop access' });
    await form.getByRole('textbox', { name: 'Reason' }).fill('a leak is looked into');
    const press = form.getByRole('button', { name: 'Stop it now' });
    await form.getByRole('textbox', { name: 'Type orders-db to confirm' }).fill('orders');
    assert.equal(await press.isDisabled(), true, 'not before the name is typed whole');
    await form.getByRole('textbox', { name: 'Type orders-db to confirm' }).fill('orders-db');
    await press.click();
    const card = page.getByRole('article', { name: 'The target orders-db' });
    await card.getByText(/1 of 1 grant gone, verified on the targets/).waitFor({ timeout: 30_000 });
    // Whom it concerns is told, and holds nothing any more.
    await engineer.getByText('a leak is looked into').first().waitFor();
    await engineer.getByRole('article', { name: 'read-orders on orders-db' }).waitFor({ state: 'hidden' });
    await card.getByRole('button', { name: 'Lift it' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('it was a false alarm');
    await dialog.getByRole('button', { name: 'Lift it' }).click();
    await page.getByText('Nothing is stopped').waitFor();
    await page.getByText(/lifted by .*it was a false alarm/).waitFor();
    await chromium.settle();
  });

  test('a kit that would not open and a drill are on the page, and Health says what to do about the kit', async () => {
    const name = 'prod/eu/orders';
    const made = await sallyport.ask('admin', 'POST', '/api/kits', kitSchema, {
      ...{ segment: name, task: 'fix-orders', holders: ['engineer', 'approver'], quorum: 2 },
    });
    await sallyport.ask('admin', 'POST', '/api/drills', drill, {
      ...{ person: 'engineer', target: 'orders-db', task: 'fix-orders', at: '2031-01-06T09:00:00Z' },
    });
    const holder = await enter('engineer', '/break-glass');
    const card = holder.getByRole('article', { name: `Emergency kit of ${name}` });
    await card.getByRole('button', { name: 'Take your share' }).waitFor({ timeout: 30_000 });
    await holder.getByText('Scheduled', { exact: true }).waitFor();
    const [one] = (await sallyport.ask('admin', 'GET', '/api/kits', kitList)).items;
    await brokenOnTarget(one);
    assert.equal(
      (await sallyport.call('admin', 'POST', `/api/kits/${made.id}/check`, {})).status < 300,
      true,
    );
    await card.getByText('Stale', { exact: true }).waitFor({ timeout: 30_000 });
    const page = await enter('admin', '/health');
    await page.getByText(`The emergency kit of ${name} would not open everywhere.`).waitFor();
    await page.getByText(`sally break-glass kit rotate ${name}`).waitFor();
    await chromium.settle();
  });

  /** Somebody changes the kit's login by hand. */
  async function brokenOnTarget(kit: Kit | undefined): Promise<void> {
    const login = kit?.targets[0]?.login ?? '';
    assert.match(login, /^[a-z0-9_]+$/);
    const client = new pg.Client({ connectionString: sallyport.adminUrl() });
    await client.connect();
    await client.query(`alter role ${login} password 'another'`);
    await client.end();
  }

  test('broken glass stands on every page of everybody until it is over', async () => {
    const admin = await enter('admin', '/');
    const page = await enter('engineer', '/break-glass');
    await page.getByRole('button', { name: 'Break the glass' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox', { name: 'Target' }).click();
    await page.getByRole('option', { name: 'orders-db' }).click();
    await dialog.getByRole('combobox', { name: 'Task' }).click();
    await page.getByRole('option', { name: 'fix-orders' }).click();
    await dialog.getByRole('textbox', { name: 'What has happened' }).fill('payments stand still');
    const act = dialog.getByRole('button', { name: 'Break the glass' });
    assert.equal(await act.isDisabled(), true, 'not before the target is typed');
    await dialog.getByRole('textbox', { name: 'Type orders-db to go on' }).fill('orders-db');
    await act.click();
    await page.waitForURL(/\/requests\/req_/);
    await admin.getByRole('alert').filter({ hasText: 'Glass is broken.' }).waitFor();
    await page.goto('/');
    const held = page.getByRole('article', { name: 'fix-orders on orders-db' });
    await held.getByRole('button', { name: 'Done' }).click();
    await admin.getByRole('alert').filter({ hasText: 'Glass is broken.' }).waitFor({ state: 'hidden' });
    await chromium.settle();
  });

  test('it fits 360 px', async () => {
    const page = await enter('admin', '/people', {
      viewport: { width: 360, height: 760 },
      colorScheme: 'dark',
    });
    for (const [path, waited] of [
      ['/people', 'Erin Engineer'],
      ['/people?who=engineer', 'Tokens and sessions that work now'],
      ['/people?show=groups', 'Named by'],
      ['/people?show=changes', 'Before'],
      ['/targets/orders-db', 'Labelled columns'],
      ['/kill', 'Lifted'],
      ['/break-glass', 'Emergency kits'],
      ['/health', 'would not open everywhere'],
    ] as const) {
      await page.goto(path);
      await page.getByText(waited).first().waitFor();
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, path);
    }
    await chromium.settle();
  });
});
