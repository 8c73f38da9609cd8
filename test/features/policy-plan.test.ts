// What a change would do is told before it is signed, over what really happened; and it then does just that.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { type PolicyPlan, policyPlan, proposalDetail } from '../../src/api/policy-plan.ts';
import { submitted } from '../../src/api/requests.ts';
import { type Person, policiesInForce, type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let files: Record<string, string>;

before(async () => {
  sallyport = await startSallyport();
  files = await policiesInForce(sallyport);
});
after(() => sallyport?.[Symbol.asyncDispose]());

async function request(by: Person, task: string, duration: string) {
  const body = { target: 'orders-db', task, duration, reason: 'a plan' };
  return sallyport.ask(by, 'POST', '/api/requests?wait=20', submitted, body);
}

const plan = (changed: Record<string, string>, more: object = {}): Promise<PolicyPlan> =>
  sallyport.ask('admin', 'POST', '/api/policy/plan', policyPlan, {
    files: { ...files, ...changed },
    ...more,
  });

const replaced = (file: string, from: string, to: string) => {
  const text = (files[file] ?? '').replace(from, to);
  assert.notEqual(text, files[file]);
  return { [file]: text };
};

const counts = (of: PolicyPlan) =>
  [of.newlyAllowed, of.newlyDenied, of.otherApprovers, of.otherObligations].map((tally) => tally.count);

test('an unchanged set differs nowhere, whatever was asked; a changed one is told request by request', async () => {
  const held = [
    await request('engineer', 'read-orders', '30m'),
    await request('deploy-bot', 'read-orders', '20m'),
  ];
  await sallyport.call('engineer', 'POST', '/api/requests', {
    ...{ target: 'orders-db', task: 'fix-orders', duration: '1h', reason: 'a plan' },
  });
  await sallyport.call('auditor', 'POST', '/api/requests', {
    ...{ target: 'orders-db', task: 'read-orders', duration: '10m', reason: 'a plan' },
  });
  const same = await plan({});
  assert.equal(same.decisions.stored, 4);
  assert.deepEqual([same.decisions.replayed, same.differences, same.grants.end], [4, 0, 0]);

  const narrower = await plan(
    replaced('pipelines.cedar', 'context.task == Task::"read-orders"', 'context.task == Task::"look-orders"'),
  );
  assert.deepEqual(counts(narrower), [0, 1, 0, 0]);
  assert.deepEqual(
    narrower.lockedOut.first.map((one) => [one.principal, one.task, one.from]),
    [['deploy-bot', 'read-orders', null]],
  );
  assert.deepEqual(
    narrower.grants.first.map((one) => [one.id, one.cause, one.ends]),
    [[held[1]?.grant?.id, 'not-permitted', true]],
  );
  const lasting = await plan(
    replaced('pipelines.cedar', 'context.task == Task::"read-orders"', 'context.task == Task::"look-orders"'),
    { liveGrants: 'run-out' },
  );
  assert.deepEqual([lasting.grants.end, lasting.grants.runOut], [0, 1]);

  const wider = await plan({
    'audit.cedar':
      '@id("look") @maxDuration("1h") permit (principal in Group::"auditors", action in [Action::"request", Action::"autoApprove"], resource);',
  });
  assert.deepEqual(counts(wider), [1, 0, 0, 0]);
  assert.equal(wider.newlyAllowed.examples[0]?.principal, 'auditor');

  const others = await plan({
    ...replaced('sallyport.cedar', 'principal in Group::"approvers",', 'principal in Group::"auditors",'),
    ...replaced('orders.cedar', 'principal in Group::"approvers",', 'principal in Group::"no-such-group",'),
  });
  assert.deepEqual(others.rights.map((one) => `${one.principal} ${one.change} ${one.right}`).sort(), [
    'approver loses changePolicy',
    'auditor gains changePolicy',
    'second-approver loses changePolicy',
  ]);
  assert.deepEqual(
    others.approvers.map((one) => [one.task, one.loses]),
    [['fix-orders', ['approver', 'second-approver']]],
  );
});

test('a plan stands by its proposal; run-out is heard where nothing forbids, and what is forbidden ends', async () => {
  const [kept, ended] = [
    await request('engineer', 'read-orders', '30m'),
    await request('deploy-bot', 'read-orders', '20m'),
  ];
  const changed = {
    ...files,
    ...replaced(
      'orders.cedar',
      'context.task == Task::"read-orders" && context.duration <=',
      'context.task == Task::"look" && context.duration <=',
    ),
    'no.cedar':
      '@id("no-pipelines") forbid (principal in Group::"pipelines", action == Action::"request", resource);',
  };
  const body = { files: changed, comment: 'no pipelines', liveGrants: 'run-out' };
  const { proposal } = await sallyport.ask('admin', 'POST', '/api/policy/proposals', changeAnswer, body);
  const detail = () =>
    sallyport.ask('approver', 'GET', `/api/policy/proposals/${proposal.id}`, proposalDetail);
  let shown = await detail();
  for (const endsAt = Date.now() + 20_000; shown.plan === null && Date.now() < endsAt; shown = await detail())
    await pause(100);
  const causes = new Map(shown.plan?.grants.first.map((one) => [one.id, [one.cause, one.ends]]));
  assert.deepEqual(causes.get(kept.grant?.id ?? ''), ['not-permitted', false]);
  assert.deepEqual(causes.get(ended.grant?.id ?? ''), ['forbidden', true]);

  await sallyport.ask('approver', 'POST', `/api/policy/proposals/${proposal.id}/sign`, changeAnswer, {
    digest: proposal.digest,
  });
  const stateOf = async (id = '') =>
    (await sallyport.ask('admin', 'GET', `/api/grants/${id}`, grantSchema)).state;
  for (const endsAt = Date.now() + 20_000; Date.now() < endsAt; await pause(100))
    if ((await stateOf(ended.grant?.id)) === 'revoked') break;
  assert.equal(await stateOf(ended.grant?.id), 'revoked');
  // Grants are judged in the order of their ids: this one was judged before that one.
  assert.equal(await stateOf(kept.grant?.id), 'active');
  const again = await sallyport.call('engineer', 'POST', `/api/grants/${kept.grant?.id}/extend`, {
    ...{ duration: '5m', reason: 'longer' },
  });
  assert.equal(again.status, 403, 'it runs out, and is not extended');
});

test('a plan in a terminal says the same', async () => {
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const folder = mkdtempSync('/tmp/sallyport-plan-');
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
    const told = await sallyport.cli('admin', 'policy', 'plan', folder);
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stdout, /^Made again: all \d+ decisions of 90 days; \d+ differ/);
    const json = await sallyport.cli('admin', 'policy', 'plan', folder, '--json');
    assert.ok(policyPlan.parse(JSON.parse(json.stdout)).newlyAllowed.count > 0);
    assert.equal((await sallyport.cli('engineer', 'policy', 'plan', folder)).code, 4);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
