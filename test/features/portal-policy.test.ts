// Policy that one can see: the map of segments with who reaches what, policies as sentences, what-if questions and
// the builder, by API and in a real Chromium against the real demo.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { policyPage } from '../../src/api/policies.ts';
import { checkedPolicy } from '../../src/api/policy-draft.ts';
import { proposalDetail } from '../../src/api/policy-plan.ts';
import { preview } from '../../src/api/requests.ts';
import { reach, segmentList } from '../../src/api/segments.ts';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');

let sallyport: Sallyport;

before(async () => {
  sallyport = await startSallyport();
});
after(() => sallyport?.[Symbol.asyncDispose]());

describe('by API', () => {
  test('the tree of segments, and everybody’s reach for those who audit or administer only', async () => {
    const { items } = await sallyport.ask('engineer', 'GET', '/api/segments', segmentList);
    const orders = items.find((segment) => segment.path === 'prod/eu/orders');
    assert.deepEqual([orders?.parent, orders?.owners], ['prod/eu', ['team-orders']]);
    assert.deepEqual(
      orders?.targets.map((target) => target.name),
      ['orders-db'],
    );
    const told = (by: Person) => sallyport.ask(by, 'GET', '/api/segments/reach?segment=prod/eu', reach);
    const everybody = await told('auditor');
    assert.equal(everybody.of, 'everybody');
    const tasks = everybody.places.filter((place) => place.target === 'orders-db').map((place) => place.task);
    assert.deepEqual(tasks.sort(), ['change-schema', 'fix-orders', 'read-orders']);
    const names = (rows: typeof everybody.rows) =>
      rows.map((row) => row.principals.map((principal) => principal.name));
    const rowOf = (name: string) =>
      everybody.rows.find((row) => row.principals.some((principal) => principal.name === name));
    assert.deepEqual(rowOf('approver')?.groups, ['approvers', 'engineering']);
    assert.equal(rowOf('approver'), rowOf('second-approver'));
    for (const name of ['auditor', 'admin']) assert.equal(rowOf(name), undefined, name);
    assert.ok(everybody.without >= 2);
    const at = everybody.places.findIndex((place) => place.task === 'read-orders');
    const read = rowOf('engineer')?.reached.find((one) => one.place === at);
    assert.deepEqual([read?.atOnceSeconds, read?.approvalSeconds, read?.opens], [3600, 28_800, true]);
    for (const by of ['engineer', 'approver', 'deploy-bot'] as const) {
      const own = await told(by);
      assert.equal(own.of, 'yourself', by);
      assert.deepEqual(names(own.rows), [[by]]);
    }
    const missing = await sallyport.call('engineer', 'GET', '/api/segments/reach?segment=prod/us');
    assert.equal(missing.status, 404);
  });

  test('policies are found by what they name, a page at a time', async () => {
    const find = (query: string) =>
      sallyport.ask('engineer', 'GET', `/api/policy/sentences?${query}`, policyPage);
    const ids = async (query: string) => (await find(query)).items.map((policy) => policy.id);
    assert.deepEqual(await ids('group=pipelines'), [
      'pipelines/read-at-once',
      'pipelines/migrate',
      'pipelines/connect',
    ]);
    const changing = (await find('action=changePolicy')).items;
    assert.ok(changing.length > 0 && changing.every((policy) => policy.actions.includes('changePolicy')));
    assert.deepEqual(await ids('text=CONTRACTOR%20sunday'), ['everywhere/contractors-in-business-hours']);
    const elsewhere = await ids('segment=staging');
    assert.deepEqual(
      ['everywhere/private-networks-only', 'orders/fix', 'sallyport/audit'].map((id) =>
        elsewhere.includes(id),
      ),
      [true, false, false],
    );
    assert.deepEqual(await ids('id=orders/fix'), ['orders/fix']);
    const all = await find('limit=200');
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await find(`limit=5${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.equal(page.count, all.count);
      paged.push(...page.items.map((policy) => policy.id));
      cursor = page.nextCursor;
    }
    assert.deepEqual(
      paged,
      all.items.map((policy) => policy.id),
    );
    const fix = all.items.find((policy) => policy.id === 'orders/fix');
    assert.match(fix?.cedar ?? '', /^@id\("fix"\)[\s\S]*when \{ context\.task == Task::"fix-orders" \};$/);
    const text = readFileSync(join(ROOT, 'src/demo/policies/orders.cedar'), 'utf8');
    assert.equal(text.split('\n')[(fix?.line ?? 0) - 1], '@id("fix")');
  });

  test('a draft is checked, told and tried beside what is in force, and nothing is written', async () => {
    const check = (by: Person, body: unknown) => sallyport.call(by, 'POST', '/api/policy/check', body);
    const before = (await sallyport.ask('admin', 'GET', '/api/policy/sentences', policyPage)).digest;
    const example = { principal: 'engineer', target: 'orders-db', task: 'fix-orders', duration: '30m' };
    const text =
      'permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove"], resource);';
    const fine = checkedPolicy.parse((await check('admin', { text, example })).body);
    assert.deepEqual(fine.problems, []);
    assert.equal(
      fine.policies[0]?.sentence.map((part) => part.text).join(''),
      'Members of engineering may get any task at once on any target.',
    );
    assert.equal(fine.example?.inForce.decision.outcome, 'needs-approval');
    assert.equal(fine.example?.withDraft.decision.outcome, 'allow');
    const wrong = checkedPolicy.parse(
      (
        await check('admin', {
          text: `${text}\n\npermit (principal in Gruppe::"a", action, resource);`,
          example,
        })
      ).body,
    );
    assert.equal(wrong.problems[0]?.line, 3);
    assert.match(wrong.problems[0]?.reason ?? '', /Gruppe/);
    assert.equal(wrong.example, null);
    assert.equal((await check('engineer', { text })).status, 403);
    assert.equal((await check('auditor', { text })).status, 403);
    const now = await sallyport.ask('admin', 'GET', '/api/policy/sentences', policyPage);
    assert.equal(now.digest, before);
  });

  test('a question may carry a ticket, and is answered for others only to those who may ask', async () => {
    const asked = { target: 'orders-db', task: 'read-orders', duration: '1h', ticket: 'OPS-1' };
    const { decision } = await sallyport.ask('engineer', 'POST', '/api/policy/explain', preview, asked);
    assert.equal(decision.outcome, 'allow');
    const other = { ...asked, principal: 'approver' };
    assert.equal((await sallyport.call('engineer', 'POST', '/api/policy/explain', other)).status, 403);
    const cli = await sallyport.cli(
      'engineer',
      'policy',
      'explain',
      'orders-db',
      '--task',
      'fix-orders',
      '--ticket',
      'OPS-1',
    );
    assert.equal(cli.code, 0, cli.stderr);
    assert.match(cli.stdout, /needs-approval/);
  });
});

describe('in Chromium', { skip }, () => {
  let chromium: Chromium;
  before(async () => {
    chromium = await startChromium(sallyport.server());
  });
  after(() => chromium?.[Symbol.asyncDispose]());

  async function enter(person: Person, path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await chromium.visit(options);
    await page.goto('/');
    await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'My access' }).waitFor();
    await page.goto(path);
    return page;
  }

  test('from the map by keyboard to a policy’s sentence', async () => {
    const page = await enter('auditor', '/map');
    const tree = page.getByRole('tree', { name: 'Segments' });
    await tree.getByRole('treeitem', { name: /^prod/ }).first().focus();
    await page.keyboard.press('ArrowLeft');
    await tree.getByRole('treeitem', { name: /^orders/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('End');
    await page.waitForURL(/segment=prod%2Feu%2Forders/);
    const fix = page.getByRole('region', { name: 'fix-orders on orders-db' });
    await fix.getByText('up to 4 h with 1 approval from approvers').first().waitFor();
    await page.getByText(/\d+ principals reach nothing here\./).waitFor();
    await fix.getByRole('link', { name: 'orders/fix' }).first().click();
    const card = page.getByRole('article', { name: 'orders/fix' });
    await card
      .getByText('Members of engineering may ask for fix-orders on targets in prod/eu/orders for up to 4 h')
      .waitFor();
    await card
      .getByRole('figure', { name: 'Cedar of orders/fix' })
      .getByText('Task', { exact: true })
      .waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText(/^\d+ policies in force/).waitFor();
    await page.getByRole('textbox', { name: 'Search the policies' }).fill('contractor');
    await page.getByText('1 policy like that').waitFor();
    await chromium.settle();
  });

  test('what if somebody else asked, from elsewhere', async () => {
    const page = await enter('admin', '/policy/what-if');
    await page.getByRole('combobox', { name: 'Who asks' }).fill('engineer');
    await page.getByRole('combobox', { name: 'Target', exact: true }).click();
    await page.getByRole('option', { name: 'orders-db' }).click();
    await page.getByRole('combobox', { name: 'Task', exact: true }).click();
    await page.getByRole('option', { name: 'read-orders' }).click();
    const decision = page.getByRole('region', { name: 'The decision' });
    await decision.getByText('Allowed at once').waitFor();
    await decision.getByText('Members of engineering may get read-orders at once').waitFor();
    await page.getByRole('textbox', { name: 'From the address' }).fill('192.0.2.1');
    await decision.getByText('Denied').waitFor();
    await decision.getByText('What would be enough').waitFor();
    await decision.getByRole('link', { name: 'everywhere/private-networks-only' }).waitFor();
    await page.getByRole('textbox', { name: 'From the address' }).fill('192.0.2');
    await page.getByText('One IPv4 or IPv6 address').waitFor();
    await chromium.settle();
  });

  test('a policy is built, read as a sentence, tried on an example, downloaded and proposed', async () => {
    const page = await enter('admin', '/policy/build');
    await page.getByText('Say who: a name such as engineering.').waitFor();
    await page.getByRole('combobox', { name: 'Group', exact: true }).fill('engineering');
    await page.getByRole('combobox', { name: 'Segment', exact: true }).fill('prod/eu');
    await page.getByRole('combobox', { name: 'Tasks' }).fill('fix');
    await page.getByRole('option', { name: 'fix-orders' }).click();
    await page.getByRole('checkbox', { name: 'With a ticket' }).check();
    const said = page.getByRole('region', { name: 'What it says' });
    await said
      .getByText(
        'Members of engineering may get fix-orders at once on targets in prod/eu for up to 1 h, with a required recording, if the duration is at most 1 h and a ticket is given.',
      )
      .waitFor();
    await page.getByRole('combobox', { name: 'Who asks' }).fill('engineer');
    await page.getByRole('combobox', { name: 'Target', exact: true }).click();
    await page.getByRole('option', { name: 'orders-db' }).click();
    await page.getByRole('combobox', { name: 'Task', exact: true }).click();
    await page.getByRole('option', { name: 'fix-orders' }).last().click();
    await page.getByRole('textbox', { name: 'Ticket' }).fill('OPS-1');
    await page.getByRole('region', { name: 'As it is now' }).getByText('Needs approval').waitFor();
    await page.getByRole('region', { name: 'With this policy' }).getByText('Allowed at once').waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Download/ }).click(),
    ]);
    assert.equal(saved.suggestedFilename(), 'engineering-fix-orders-at-once.cedar');
    const text = readFileSync(await saved.path(), 'utf8');
    const checked = await sallyport.ask('admin', 'POST', '/api/policy/check', checkedPolicy, { text });
    assert.deepEqual(checked.problems, []);
    assert.equal(checked.policies.length, 2);

    await page.getByRole('button', { name: 'Propose', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('A new file.').waitFor();
    await dialog.getByRole('textbox', { name: 'Why' }).fill('fixes at once in prod/eu');
    await dialog.getByRole('button', { name: 'Propose', exact: true }).click();
    await page.waitForURL(/\/policy\/changes\/prp_/);
    await page.getByRole('heading', { level: 1, name: 'Change of policy' }).waitFor();
    await page.getByText('fixes at once in prod/eu').first().waitFor();
    await page.getByRole('heading', { name: 'What it would do' }).waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    const proposed = await sallyport.ask('admin', 'GET', `/api/policy/proposals/${id}`, proposalDetail);
    assert.deepEqual(proposed.changes, [{ file: 'engineering-fix-orders-at-once.cedar', what: 'added' }]);
    await sallyport.call('admin', 'POST', `/api/policy/proposals/${id}/withdraw`, {});
    await chromium.settle();
  });

  test('every page fits 360 px, for somebody without rights too', async () => {
    chromium.forgive(/status of 403 .*\/api\/policy\/check/);
    const page = await enter('engineer', '/map', {
      viewport: { width: 360, height: 760 },
      colorScheme: 'dark',
    });
    await page.getByRole('heading', { name: 'What you can reach in prod' }).waitFor();
    for (const [path, waited] of [
      ['/map?segment=prod/eu/orders', 'read-orders'],
      ['/policy', 'policies in force'],
      ['/policy/what-if?target=orders-db&task=fix-orders&sourceAddress=192.0.2.1', 'What would be enough'],
      ['/policy/build', 'The policy as Cedar'],
    ] as const) {
      await page.goto(path);
      await page.getByText(waited).first().waitFor();
      const over = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      assert.equal(over, 0, path);
    }
    await page.getByRole('combobox', { name: 'Group', exact: true }).fill('engineering');
    await page.getByRole('combobox', { name: 'Segment', exact: true }).fill('prod');
    await page.getByText('for those who may change policies').waitFor();
    await chromium.settle();
  });
});

// Last, because it leaves many tasks behind.
test('a reach that is larger than one answer says what it left out', async () => {
  const read = (name: string) => ({
    name,
    kind: 'postgres',
    segment: 'prod/eu/orders',
    description: 'one of many',
    entitlement: { readOnly: true, tables: [{ name: 'public.orders', privileges: ['SELECT'] }] },
  });
  const names = Array.from({ length: 60 }, (_, index) => `zz-${index}`);
  for (const name of names) {
    const { status } = await sallyport.call('admin', 'POST', '/api/tasks', read(name));
    assert.equal(status, 201, name);
  }
  const told = await sallyport.ask('auditor', 'GET', '/api/segments/reach?segment=prod', reach);
  assert.equal(told.places.length, 60);
  const { items } = await sallyport.ask('auditor', 'GET', '/api/segments', segmentList);
  const offered = items
    .filter(({ path }) => path === 'prod' || path.startsWith('prod/'))
    .flatMap((segment) => segment.targets.flatMap((target) => target.tasks));
  assert.ok(offered.length > 60);
  assert.deepEqual(told.left, { principals: 0, places: offered.length - 60, pairs: 0 });
});
