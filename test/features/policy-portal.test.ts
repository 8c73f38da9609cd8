// A change of policy in the portal, in a real Chromium: whoever signs sees what it would do, its text and its digest
// first; whoever proposed it cannot sign.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { submitted } from '../../src/api/requests.ts';
import { startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type Person, policiesInForce, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');
/** Until a plan is made: a thread starts, and two sets are compiled. */
const PLAN_LIMIT_MS = 30_000;

test('proposed by one, looked at and signed by another', { skip }, async () => {
  await using sallyport = await startSallyport();
  await using chromium = await startChromium(sallyport.server());
  const enter = async (person: Person, width = 1440) => {
    const page = await chromium.visit({ viewport: { width, height: 900 } });
    await page.goto('/');
    await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'My access' }).waitFor();
    return page;
  };
  await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
    ...{ target: 'orders-db', task: 'fix-orders', duration: '1h', reason: 'to be planned' },
  });
  const files = await policiesInForce(sallyport);
  const orders = (files['orders.cedar'] ?? '').replace('"fix-orders"', '"mend-orders"');
  const { proposal } = await sallyport.ask('admin', 'POST', '/api/policy/proposals', changeAnswer, {
    files: { ...files, 'orders.cedar': orders },
    comment: 'Fixing is called mending now',
  });

  const admin = await enter('admin');
  await admin.goto(`/policy/changes/${proposal.id}`);
  await admin.getByText('Nobody signs their own change').waitFor({ state: 'attached' });
  assert.equal(await admin.getByRole('button', { name: 'Withdraw' }).count(), 1);

  const approver = await enter('approver');
  await approver.getByRole('link', { name: 'Policy changes', exact: true }).click();
  await approver.getByRole('link', { name: 'Fixing is called mending now' }).click();
  await approver.getByText('engineer is locked out of fix-orders').waitFor({ timeout: PLAN_LIMIT_MS });
  await approver.getByText('when { context.task == Task::"mend-orders" };').waitFor();
  await approver.getByRole('button', { name: 'Sign', exact: true }).click();
  const dialog = approver.getByRole('dialog');
  assert.match(await dialog.innerText(), new RegExp(proposal.digest));
  await dialog.getByRole('button', { name: 'Sign', exact: true }).click();
  await approver.getByText('Signed', { exact: true }).waitFor();
  assert.deepEqual((await policiesInForce(sallyport))['orders.cedar'], orders);
  // The proposer's page hears of it without a reload.
  await admin.getByText('Signed', { exact: true }).waitFor();

  const narrow = await enter('second-approver', 360);
  for (const path of [`/policy/changes/${proposal.id}`, '/policy/changes?show=history']) {
    await narrow.goto(path);
    await narrow.getByText(/^(Signed|In force)$/).waitFor();
    assert.equal(await narrow.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, path);
  }
  await chromium.settle();
});
