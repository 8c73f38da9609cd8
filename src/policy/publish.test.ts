// Publishing and replaying on a real store.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgres, type TestPostgres } from '../../test/harness/postgres.ts';
import { Failure } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { type Db, openStore } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';
import { createEvents } from '../events/events.ts';
import { decide, mayConnect } from './engine/decide.ts';
import { exampleFacts } from './engine/example-facts.ts';
import { createPolicies, policyFilesByDigest, publishPolicies, storeDecision } from './publish.ts';
import { replayDecision } from './replay.ts';
import { policyWarnings } from './warnings.ts';

const READ = {
  'orders.cedar':
    'permit (principal, action in [Action::"request", Action::"autoApprove", Action::"connect"], resource);',
};
const NONE = { 'orders.cedar': '// nobody may anything\n' };

let postgres: TestPostgres;
let db: Db;
const log = createLog('silent');

before(async () => {
  postgres = await startPostgres({ version: 18 });
  db = openStore({ connectionString: postgres.adminUrl, poolSize: 8, onError: () => undefined });
  await migrate(db);
});

after(async () => {
  await db?.destroy();
  await postgres?.stop();
});

const code = (expected: string) => (error: unknown) => error instanceof Failure && error.code === expected;
const inForce = async () =>
  (await db.selectFrom('policy_sets').select('digest').where('in_force', '=', true).execute()).map(
    (row) => row.digest,
  );
const entries = async () =>
  (
    await db
      .selectFrom('audit_entries')
      .select('leaf')
      .where('kind', '=', 'policy.published')
      .orderBy('seq')
      .execute()
  ).map((row) => JSON.parse(row.leaf));

test('published, in force, logged and told; the same again is nothing; an invalid set changes nothing', async () => {
  const policies = createPolicies({ db, log });
  assert.throws(() => policies.current(), code('policies-not-loaded'));
  await assert.rejects(policies.refresh(), code('no-policies'));

  const events = createEvents({ connectionString: postgres.adminUrl, log });
  await events.start();
  try {
    const told = events.next((event) => event.topic === 'policies', 5_000);
    const { digest } = await publishPolicies({ db }, { files: READ });
    assert.equal(await told, true);
    assert.deepEqual(await inForce(), [digest]);
    await policies.refresh();
    assert.equal(policies.current().digest, digest);
    assert.deepEqual(policies.files(), READ);
    assert.equal(decide(policies.current(), exampleFacts()).outcome, 'allow');

    assert.deepEqual(await publishPolicies({ db }, { files: READ }), { digest });
    const logged = await entries();
    assert.equal(logged.length, 1);
    assert.equal(logged[0].detail.digest, digest);
    assert.equal(logged[0].detail.previousDigest, null);

    const held = policies.current();
    const broken = { ...READ, 'more.cedar': 'permit (principal, action, resource' };
    await assert.rejects(publishPolicies({ db }, { files: broken }), code('policy-invalid'));
    await policies.refresh();
    assert.equal(policies.current(), held);
    assert.deepEqual(await inForce(), [digest]);
    assert.equal((await entries()).length, 1);

    const next = await publishPolicies({ db }, { files: NONE });
    await policies.refresh();
    assert.equal(policies.current().digest, next.digest);
    assert.equal(decide(policies.current(), exampleFacts()).outcome, 'deny');
    assert.equal((await entries())[1].detail.previousDigest, digest);
    assert.deepEqual(await policyFilesByDigest(db, digest), READ);
    assert.equal(await policyFilesByDigest(db, 'unknown'), null);
  } finally {
    await events.stop();
  }
});

test('eight publishers at once: one set in force, one entry for each change', async () => {
  const before_ = (await entries()).length;
  await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      publishPolicies({ db }, { files: { 'a.cedar': `// version ${i}\n` } }),
    ),
  );
  assert.equal((await inForce()).length, 1);
  assert.equal((await entries()).length, before_ + 8);
});

test('a stored set that this version refuses leaves the one held in force', async () => {
  await publishPolicies({ db }, { files: READ });
  const policies = createPolicies({ db, log });
  await policies.refresh();
  const held = policies.current();
  await db.updateTable('policy_sets').set({ in_force: false }).where('in_force', '=', true).execute();
  await db
    .insertInto('policy_sets')
    .values({
      id: 'pol_future',
      digest: 'future',
      files: JSON.stringify({ 'a.cedar': 'permit (future);' }),
      published_by: null,
      in_force: true,
    })
    .execute();
  await assert.rejects(policies.refresh(), code('policy-invalid'));
  assert.equal(policies.current(), held);
});

test('a stored decision replays with no difference by the same policies', async () => {
  const { digest } = await publishPolicies({ db }, { files: READ });
  const policies = createPolicies({ db, log });
  await policies.refresh();
  const facts = exampleFacts({ context: { purpose: 'für "später" \\ ⏰', sourceIp: '::1' } });
  const base = { policyDigest: digest, facts };
  await db.transaction().execute(async (trx) => {
    await storeDecision(trx, { ...base, action: 'request', decided: decide(policies.current(), facts) });
    await storeDecision(trx, { ...base, action: 'connect', decided: mayConnect(policies.current(), facts) });
  });
  const rows = await db.selectFrom('decisions').selectAll().orderBy('id').execute();
  assert.equal(rows.length, 2);
  for (const row of rows) {
    assert.deepEqual(row.facts, facts);
    assert.deepEqual(replayDecision(policies.current(), row).differences, []);
  }
  const files = await policyFilesByDigest(db, rows[0]?.policy_digest ?? '');
  assert.deepEqual(files, READ);
});

test('a stage that wants more people than its groups have is warned of, and one that has enough is not', async () => {
  const file = (approvals: string) => ({
    'a.cedar': `@id("ask") @approvals("${approvals.replaceAll('"', '\\"')}") permit (principal, action == Action::"request", resource);`,
  });
  const principal = (id: string, more = {}) => ({
    id,
    kind: 'person' as const,
    name: id,
    display_name: id,
    ...more,
  });
  await db
    .insertInto('principals')
    .values([
      principal('prn_a'),
      principal('prn_a2', { same_person_as: 'prn_a' }),
      principal('prn_b'),
      principal('prn_gone', { disabled_at: new Date() }),
    ])
    .execute();
  await db
    .insertInto('groups')
    .values([
      { id: 'grp_dba', name: 'dba' },
      { id: 'grp_leads', name: 'leads' },
      { id: 'grp_none', name: 'none' },
    ])
    .execute();
  const members = [
    ['grp_dba', 'prn_a'],
    ['grp_dba', 'prn_a2'],
    ['grp_dba', 'prn_gone'],
    ['grp_leads', 'prn_b'],
  ];
  await db
    .insertInto('memberships')
    .values(members.map(([group_id = '', principal_id = '']) => ({ group_id, principal_id })))
    .execute();
  const warned = async (approvals: string) => (await policyWarnings({ db }, file(approvals))).join(' | ');
  assert.equal(await warned('1 of Group::"dba"'), '');
  assert.equal(
    await warned('2 of Group::"dba"'),
    'a/ask asks for 2 approvals from "dba", where there is only one person.',
  );
  assert.equal(await warned('2 of Group::"dba", after 1h also Group::"leads"'), '');
  assert.equal(
    await warned('3 of onCall Group::"dba", after 1h also Group::"leads"; 1 of manager'),
    'a/ask asks for 3 approvals from "dba" and "leads", where there are only 2 people.',
  );
  assert.equal(
    await warned('2 of Group::"none"'),
    'Nobody is in the group "none", and a/ask asks for its approval.',
  );
  assert.equal(
    await warned('1 of Group::"nope"'),
    'There is no group "nope", and a/ask asks for its approval.',
  );
});
