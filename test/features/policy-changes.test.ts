// A change of policy takes two people: who may sign what, in every order and at once; and what one person alone can do.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { changeAnswer, type Proposal, publishedSet } from '../../src/api/policy-changes.ts';
import { proposalDetail } from '../../src/api/policy-plan.ts';
import { pageOf } from '../../src/api/text.ts';
import { newId } from '../../src/base/ids.ts';
import {
  type Answer,
  type Person,
  policiesInForce,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

let sallyport: Sallyport;
let store: pg.Client;

before(async () => {
  sallyport = await startSallyport();
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
});
after(async () => {
  await store?.end();
  await sallyport?.[Symbol.asyncDispose]();
});

let changes = 0;
/** What is in force with one more comment in it, proposed. */
async function propose(by: Person = 'admin', more: Record<string, unknown> = {}): Promise<Proposal> {
  const files = { ...(await policiesInForce(sallyport)), 'change.cedar': `// change ${++changes}\n` };
  const body = { files, comment: 'a change', ...more };
  return (await sallyport.ask(by, 'POST', '/api/policy/proposals', changeAnswer, body)).proposal;
}

const sign = (by: Person, { id, digest }: { id: string; digest: string }) =>
  sallyport.call(by, 'POST', `/api/policy/proposals/${id}/sign`, { digest });

const codeOf = ({ body }: Answer) => (body as { code?: string }).code;
const refused = (answer: Answer, status: number, code: string) =>
  assert.deepEqual([answer.status, codeOf(answer)], [status, code], JSON.stringify(answer.body));

const inForce = async () => {
  const { rows } = await store.query('select digest from policy_sets where in_force');
  assert.equal(rows.length, 1);
  return String(rows[0]?.digest);
};

/** Kinds and details of the entries about a proposal, in order. */
async function entriesOf(id: string): Promise<{ kind: string; actor: string; sole: boolean | null }[]> {
  const { rows } = await store.query(
    `select kind, leaf::jsonb #>> '{actor,name}' as actor, (leaf::jsonb #>> '{detail,soleSigner}')::boolean as sole
     from audit_entries where leaf::jsonb #>> '{detail,proposalId}' = $1 order by seq`,
    [id],
  );
  return rows as { kind: string; actor: string; sole: boolean | null }[];
}

/** A person who is in `groups`, with a token, and perhaps another account of somebody. */
async function person(name: string, groups: string[], samePersonAs: string | null = null): Promise<string> {
  const [id, token] = [newId('principal'), `sally_${randomBytes(32).toString('base64url')}`];
  await store.query(
    `insert into principals (id, kind, name, display_name, same_person_as)
     values ($1, 'person', $2, $2, (select id from principals where name = $3))`,
    [id, name, samePersonAs],
  );
  await store.query(
    'insert into memberships (group_id, principal_id) select id, $1 from groups where name = any($2)',
    [id, groups],
  );
  await store.query(
    `insert into tokens (id, principal_id, kind, name, hash, expires_at) values ($1, $2, 'api', 't', $3, now() + interval '1 day')`,
    [newId('token'), id, createHash('sha256').update(token).digest()],
  );
  return token;
}

async function withToken(
  token: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${sallyport.server()}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

describe('two people', () => {
  test('the old set is in force until somebody else has signed; then the new one, with its entries', async () => {
    const old = await inForce();
    const proposal = await propose();
    assert.equal(proposal.maySign, false);
    assert.deepEqual(
      proposal.signers.map((one) => one.name),
      ['approver', 'second-approver'],
    );
    assert.equal(await inForce(), old);
    refused(await sign('admin', proposal), 403, 'may-not-sign');
    for (const outsider of ['engineer', 'auditor', 'deploy-bot'] as const)
      refused(await sign(outsider, proposal), 403, 'may-not');
    assert.equal(await inForce(), old);

    const signed = changeAnswer.parse((await sign('approver', proposal)).body);
    assert.deepEqual([signed.inForce, signed.warning], [true, null]);
    assert.equal(await inForce(), proposal.digest);
    assert.equal((await sallyport.call('engineer', 'GET', '/api/policy')).status, 200);
    assert.deepEqual(await entriesOf(proposal.id), [
      { kind: 'policy.proposed', actor: 'admin', sole: false },
      { kind: 'policy.signed', actor: 'approver', sole: false },
      { kind: 'policy.published', actor: 'approver', sole: false },
    ]);
    const { items } = await sallyport.ask('auditor', 'GET', '/api/policy/history', pageOf(publishedSet));
    assert.deepEqual(
      items[0]?.signatures.map((one) => [one.by.name, one.role, one.digest]),
      [
        ['admin', 'proposed', proposal.digest],
        ['approver', 'signed', proposal.digest],
      ],
    );
    refused(await sign('second-approver', proposal), 409, 'proposal-over');
  });

  test('only the digest that was shown can be signed, and nothing without one', async () => {
    const proposal = await propose();
    const other = await propose();
    refused(await sign('approver', { id: proposal.id, digest: other.digest }), 409, 'other-digest');
    refused(await sign('approver', { id: proposal.id, digest: await inForce() }), 409, 'other-digest');
    assert.equal(
      (await sallyport.call('approver', 'POST', `/api/policy/proposals/${proposal.id}/sign`, {})).status,
      422,
    );
    // Whoever can write into the store still cannot have another text signed under the digest that was shown.
    await store.query(
      `update policy_proposals set files = files || '{"more.cedar": "// more"}' where id = $1`,
      [proposal.id],
    );
    refused(await sign('approver', proposal), 409, 'other-digest');
    await sallyport.ask('admin', 'POST', `/api/policy/proposals/${proposal.id}/withdraw`, changeAnswer);
    await sallyport.ask('admin', 'POST', `/api/policy/proposals/${other.id}/withdraw`, changeAnswer);
  });

  test('another account of the proposer is the proposer; another account of a signer is that signer', async () => {
    const alias = await person('admin-too', ['approvers'], 'admin');
    const sponsored = await person('sponsored', ['approvers']);
    await store.query(
      "update principals set sponsor_id = (select id from principals where name = 'admin') where name = 'sponsored'",
    );
    const proposal = await propose();
    const { signers } = await sallyport.ask(
      'admin',
      'GET',
      `/api/policy/proposals/${proposal.id}`,
      proposalDetail,
    );
    assert.deepEqual(
      signers.map((one) => one.name),
      ['approver', 'second-approver'],
    );
    const path = `/api/policy/proposals/${proposal.id}/sign`;
    for (const token of [alias, sponsored])
      refused(await withToken(token, 'POST', path, { digest: proposal.digest }), 403, 'may-not-sign');
    // And the other way round.
    const files = { ...(await policiesInForce(sallyport)), 'change.cedar': '// by the other account\n' };
    const own = changeAnswer.parse(
      (await withToken(alias, 'POST', '/api/policy/proposals', { files, comment: 'mine' })).body,
    ).proposal;
    refused(await sign('admin', own), 403, 'may-not-sign');
    await store.query(
      "update principals set disabled_at = now() - interval '8 days' where name in ('admin-too', 'sponsored')",
    );
    refused(await sign('approver', own), 409, 'proposer-may-not');
    assert.equal((await sign('approver', proposal)).status, 200);
  });

  test('twenty signatures at once are one, and of two changes over one set only one comes into force', async () => {
    const one = await propose();
    const two = await propose('second-approver');
    const before = await store.query(
      "select count(*)::int as n from audit_entries where kind = 'policy.published'",
    );
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? sign(i % 4 === 0 ? 'approver' : 'second-approver', one) : sign('admin', two),
      ),
    );
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1, JSON.stringify(answers));
    assert.ok(
      answers.every((answer) => answer.status === 200 || answer.status === 409),
      JSON.stringify(answers.map((answer) => answer.body)),
    );
    const after_ = await store.query(
      "select count(*)::int as n from audit_entries where kind = 'policy.published'",
    );
    assert.equal(after_.rows[0]?.n, before.rows[0]?.n + 1);
    const { rows } = await store.query(
      'select state from policy_proposals where id = any($1) order by state',
      [[one.id, two.id]],
    );
    assert.deepEqual(
      rows.map((row) => row.state),
      ['outdated', 'published'],
    );
  });

  test('what was made from another set is refused, at the proposal and at the signature', async () => {
    const late = await propose();
    const first = await propose('approver');
    assert.equal((await sign('admin', first)).status, 200);
    refused(await sign('approver', late), 409, 'proposal-over');
    // As if the other change had come in between unseen.
    await store.query("update policy_proposals set state = 'open', decided_at = null where id = $1", [
      late.id,
    ]);
    refused(await sign('approver', late), 409, 'base-moved');
    await store.query("update policy_proposals set state = 'outdated', decided_at = now() where id = $1", [
      late.id,
    ]);
    const files = { ...(await policiesInForce(sallyport)), 'change.cedar': '// late\n' };
    const body = { files, comment: 'late', baseDigest: late.baseDigest };
    refused(await sallyport.call('admin', 'POST', '/api/policy/proposals', body), 409, 'base-moved');
  });

  test('refused with a reason, withdrawn by its proposer only, expired: never signed afterwards', async () => {
    const [no, back, old] = [await propose(), await propose(), await propose()];
    const at = (one: Proposal, act: string) => `/api/policy/proposals/${one.id}/${act}`;
    const said = await sallyport.ask('approver', 'POST', at(no, 'refuse'), changeAnswer, {
      reason: 'too wide',
    });
    assert.deepEqual([said.proposal.state, said.proposal.reason], ['refused', 'too wide']);
    refused(await sallyport.call('approver', 'POST', at(back, 'withdraw')), 404, 'unknown-proposal');
    await sallyport.ask('admin', 'POST', at(back, 'withdraw'), changeAnswer);
    await store.query("update policy_proposals set expires_at = now() - interval '1 second' where id = $1", [
      old.id,
    ]);
    for (const one of [no, back, old]) refused(await sign('approver', one), 409, 'proposal-over');
    refused(
      await sallyport.call('engineer', 'GET', `/api/policy/proposals/${no.id}`),
      404,
      'unknown-proposal',
    );
  });

  test('a set that is wrong, that is in force, that is proposed already or that locks out its author is none', async () => {
    const files = await policiesInForce(sallyport);
    const ask = (more: object) =>
      sallyport.call('admin', 'POST', '/api/policy/proposals', { comment: 'a test', ...more });
    refused(await ask({ files }), 409, 'nothing-changes');
    refused(await ask({ files: { 'a.cedar': 'permit (' } }), 422, 'policy-invalid');
    refused(await ask({ files: { 'a.cedar': '// nobody may anything\n' } }), 409, 'would-lock-out');
    refused(await ask({}), 422, 'invalid-input');
    refused(await ask({ files, rollbackTo: await inForce() }), 422, 'invalid-input');
    refused(await ask({ rollbackTo: '0'.repeat(64) }), 404, 'unknown-policy-set');
    refused(await ask({ files: { 'a.cedar': '' }, comment: '' }), 422, 'invalid-input');
    const proposal = await propose();
    const again = { ...files, 'change.cedar': `// change ${changes}\n` };
    refused(await ask({ files: again }), 409, 'already-proposed');
    // The signer keeps the right as well: nobody signs themselves away.
    const without = files['sallyport.cedar']?.replace(
      'Group::"approvers",\n  action == Action::"changePolicy"',
      'Group::"auditors",\n  action == Action::"changePolicy"',
    );
    assert.notEqual(without, files['sallyport.cedar']);
    const other = changeAnswer.parse(
      (await ask({ files: { ...files, 'sallyport.cedar': without } })).body,
    ).proposal;
    refused(await sign('approver', other), 409, 'would-lock-out');
    for (const { id } of [proposal, other])
      await sallyport.ask('admin', 'POST', `/api/policy/proposals/${id}/withdraw`, changeAnswer);
  });

  test('back to an earlier set is a change like any other', async () => {
    const earlier = await inForce();
    const forward = await propose();
    assert.equal((await sign('approver', forward)).status, 200);
    const back = changeAnswer.parse(
      (
        await sallyport.call('approver', 'POST', '/api/policy/proposals', {
          rollbackTo: earlier,
          comment: 'it was better before',
        })
      ).body,
    ).proposal;
    assert.deepEqual([back.digest, back.rollback], [earlier, true]);
    refused(await sign('approver', back), 403, 'may-not-sign');
    assert.equal((await sign('admin', back)).status, 200);
    assert.equal(await inForce(), earlier);
  });
});

describe('a pack', () => {
  const FILE = 'packs/prod/eu/orders/team.cedar';
  const PACK = `@id("look") @maxDuration("10m") permit (principal in Group::"auditors",
    action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod/eu/orders");`;
  const ask = (by: Person, files: Record<string, string>) =>
    sallyport.call(by, 'POST', '/api/policy/proposals', { files, comment: 'our own' });

  test('its owners propose changes to it alone, and somebody who may change policy signs', async () => {
    const files = await policiesInForce(sallyport);
    refused(await ask('engineer', { ...files, [FILE]: PACK }), 403, 'may-not');
    const own = { segment: 'prod/eu/orders', owner: 'engineering' };
    assert.equal((await sallyport.call('engineer', 'POST', '/api/policy/packs', own)).status, 403);
    assert.equal((await sallyport.call('admin', 'POST', '/api/policy/packs', own)).status, 200);

    const wider = PACK.replace('prod/eu/orders"', 'prod"');
    refused(await ask('engineer', { ...files, [FILE]: wider }), 422, 'policy-invalid');
    for (const other of [
      { ...files, [FILE]: PACK, 'more.cedar': '// more' },
      { ...files, 'packs/prod/eu/team.cedar': '// above' },
      { ...files, 'packs/prod/eu/orders/x/team.cedar': '// below, which nobody owns' },
      { [FILE]: PACK },
      files,
    ]) {
      refused(await ask('engineer', other), 403, 'may-not');
    }
    refused(await ask('auditor', { ...files, [FILE]: PACK }), 403, 'may-not');
    const plan = await sallyport.call('engineer', 'POST', '/api/policy/plan', {
      files: { ...files, [FILE]: PACK },
    });
    assert.equal(plan.status, 200, JSON.stringify(plan.body));

    const proposal = changeAnswer.parse((await ask('engineer', { ...files, [FILE]: PACK })).body).proposal;
    assert.equal(proposal.pack, 'prod/eu/orders');
    refused(await sign('engineer', proposal), 403, 'may-not');
    await sallyport.call('admin', 'POST', '/api/policy/packs', { ...own, owner: null });
    refused(await sign('approver', proposal), 403, 'may-not');
    await sallyport.call('admin', 'POST', '/api/policy/packs', own);
    assert.equal((await sign('approver', proposal)).status, 200);
    assert.equal((await policiesInForce(sallyport))[FILE], PACK);
  });
});

describe('one person', () => {
  test('alone only while nobody else could sign, and it is told; making the others go away is not enough', async () => {
    const proposal = await propose();
    await store.query(
      "update principals set disabled_at = now() where name in ('approver', 'second-approver')",
    );
    refused(await sign('admin', proposal), 403, 'may-not-sign');
    await store.query(
      "update principals set disabled_at = now() - interval '8 days' where name in ('approver', 'second-approver')",
    );
    const shown = await sallyport.ask('admin', 'GET', `/api/policy/proposals/${proposal.id}`, proposalDetail);
    assert.deepEqual([shown.soleSigner, shown.maySign], [true, true]);
    const signed = changeAnswer.parse((await sign('admin', proposal)).body);
    assert.match(signed.warning ?? '', /ONE PERSON ALONE/);
    assert.equal(await inForce(), proposal.digest);
    assert.deepEqual((await entriesOf(proposal.id)).slice(1), [
      { kind: 'policy.signed', actor: 'admin', sole: true },
      { kind: 'policy.published', actor: 'admin', sole: true },
    ]);
    const log = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(log.code, 0, log.stderr);
  });
});
