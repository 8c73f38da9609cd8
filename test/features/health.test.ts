// The health of an installation, from the store: empty when all is well, and for each trouble since when, why, what is
// tried next and what to do; the objective of revocation; the figures in Prometheus' own format, read by its rules.

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import pg from 'pg';
import { type Health, health as healthSchema } from '../../src/api/health.ts';
import type { ReplicaView } from '../../src/api/replicas.ts';
import { AuditAlarm } from '../../src/audit/alarm.ts';
import { Secret } from '../../src/base/secret.ts';
import { type HealthContext, readHealth } from '../../src/insight/health.ts';
import { metricsText } from '../../src/insight/metrics.ts';
import { budget } from '../../src/insight/revocation.ts';
import { type LedgerWorld, startLedgerWorld } from '../harness/ledger-world.ts';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../harness/postgres-target.ts';

let world: LedgerWorld;
let target: PostgresTarget;
let targetId: string;
let taskId: string;
let replicas: ReplicaView[] = [];
let alarm: AuditAlarm | null = null;

before(async () => {
  [world, target] = await Promise.all([startLedgerWorld(), startPostgresTarget(18)]);
  targetId = await world.addTarget('orders', 'postgres', { ...target.access.settings }, target.access.admin);
  taskId = await world.addTask('read', 'postgres', { ...TASKS.read });
});
after(async () => {
  await world.stop();
  await target.stop();
});

async function look(change: Partial<HealthContext> = {}): Promise<Health> {
  // Nobody sequences the log of this world; that its entries wait is not what is looked at.
  await sql`update audit_entries set index = seq where index is null`.execute(world.ctx.db);
  const found = await readHealth({
    db: world.ctx.db,
    logStatus: () => ({ alarm, problem: null }),
    replicas: { list: async () => replicas },
    recordings: { folder: tmpdir(), replica: 'here', storing: null },
    ...change,
  });
  return healthSchema.parse(found);
}

async function active(): Promise<string> {
  const id = await world.intend(targetId, taskId);
  await world.step(id);
  return id;
}

test('all is well: no trouble, and what was looked at is there to see', async () => {
  const id = await active();
  await world.patrol();
  const found = await look();
  assert.deepEqual(found.troubles, []);
  assert.equal(found.ok, true);
  assert.deepEqual(found.revocation.share, null, 'nothing has ended yet');
  assert.equal(found.grants.active, 1);
  assert.equal(found.targets[0]?.nodes[0]?.failingSince, null);
  assert.ok((found.targets[0]?.nodes[0]?.clockSkewSeconds ?? 9) < 5);
  await world.end(id);
  await world.step(id);
  const after = await look();
  assert.deepEqual([after.revocation.ended, after.revocation.within, after.revocation.budgetLeft], [1, 1, 1]);
});

test('a target that is down: named once, with every grant that waits for it, and gone when it is back', async () => {
  const id = await active();
  await target.superuser.end();
  await target.server.pause();
  await world.end(id);
  await world.step(id);
  await world.patrol();
  const late = await look();
  assert.equal(late.ok, false);
  const [grant, down, ...others] = late.troubles;
  assert.deepEqual(others, []);
  assert.deepEqual([grant?.kind, grant?.severity, grant?.grant?.state], ['grant', 'bad', 'revoking']);
  assert.equal(grant?.grant?.id, id);
  assert.ok(grant?.since !== null && (grant?.why ?? '').length > 0);
  assert.match(grant?.next ?? '', /^Attempt 2 at ending it\./);
  assert.notEqual(grant?.nextAt, null);
  assert.match(grant?.do ?? '', /Mend the target first/);
  assert.deepEqual(
    [down?.kind, down?.target, down?.node],
    ['target', 'orders', `127.0.0.1:${target.server.port}`],
  );
  assert.match(down?.do ?? '', /Bring the server back/);
  assert.equal(late.targets[0]?.stepsWaiting, 1);
  const overdueAt = new Date(Date.now() - 61_000);
  await world.ctx.db
    .updateTable('grants')
    .set({ ended_at: overdueAt, activated_at: overdueAt })
    .where('id', '=', id)
    .execute();
  const overdue = await look();
  assert.match(overdue.troubles[0]?.what ?? '', /overdue/);
  assert.deepEqual([overdue.revocation.ended, overdue.revocation.within], [2, 1], 'late before it is over');
  assert.ok((overdue.revocation.budgetLeft ?? 1) < 0);
  await target.server.start();
  await world.step(id);
  await world.patrol();
  assert.deepEqual((await look()).troubles, []);
});

test('a wrong password says how to give the new one', async () => {
  const { host, port, database } = target.access.settings;
  const { user } = target.access.admin;
  const other = await world.addTarget(
    'locked',
    'postgres',
    { host, port, database },
    {
      user,
      password: new Secret('wrong'),
    },
  );
  await world.patrol();
  const [found] = (await look()).troubles;
  assert.match(found?.do ?? '', /sally target credential locked/);
  await sql`delete from target_nodes where target_id = ${other}`.execute(world.ctx.db);
  await sql`update audit_entries set target_id = null where target_id = ${other}`.execute(world.ctx.db);
  await sql`delete from targets where id = ${other}`.execute(world.ctx.db);
});

test('what is changed by hand, the log, replicas, a target that nobody looks at', async () => {
  const id = await active();
  const { login } = await world.see(id);
  const admin = new pg.Client(target.server.url('app'));
  await admin.connect();
  await admin.query(`ALTER ROLE ${login} NOLOGIN`);
  await world.patrol();
  await sql`update target_nodes set looked_at = now() - interval '1 hour', clock_skew_s = 7`.execute(
    world.ctx.db,
  );
  alarm = new AuditAlarm(7, 'Entry 7 is not as it was signed.');
  replicas = [
    {
      name: 'a',
      version: '1',
      roles: ['worker'],
      addresses: {},
      state: 'gone',
      startedAt: new Date().toISOString(),
      seenAt: new Date().toISOString(),
    },
  ];
  const found = await look();
  const says = (pattern: RegExp) =>
    assert.ok(
      found.troubles.some((one) => pattern.test(one.what)),
      String(pattern),
    );
  says(/changed by hand/);
  says(/log in the store is not the one that was signed/);
  says(/replica a .* is gone/);
  says(/Nobody has looked at orders/);
  says(/clock of orders .* 7\.0 s/);
  for (const one of found.troubles) assert.match(one.do, /\w/);
  assert.equal(found.troubles.findIndex((one) => one.severity === 'warn') >= 3, true, 'the worst come first');
  alarm = null;
  replicas = [];
  await admin.query(`ALTER ROLE ${login} LOGIN`);
  await admin.end();
  await world.patrol();
  await world.end(id);
  await world.step(id);
});

test('the budget is what the objective allows to miss', () => {
  assert.deepEqual(budget(0, 0), { share: null, budgetLeft: null });
  assert.equal(budget(1_000, 1_000).budgetLeft, 1);
  assert.ok(Math.abs((budget(1_000, 995).budgetLeft ?? 0) - 0.5) < 1e-9);
  assert.ok((budget(1_000, 980).budgetLeft ?? 0) < 0);
});

test('the figures keep to Prometheus’ text format: each family once, typed, whole, with values that parse', async () => {
  const families = readMetrics(await metricsText(world.ctx.db, { storing: false }));
  const value = (name: string) => families.get(name)?.samples[0]?.value;
  assert.equal(families.get('sallyport_revocation_seconds')?.type, 'histogram');
  assert.equal(value('sallyport_grants_overdue'), 0);
  assert.equal(value('sallyport_target_up'), 1);
  assert.equal(value('sallyport_revocation_objective_ratio'), 0.99);
  const buckets = families.get('sallyport_revocation_seconds')?.samples ?? [];
  const le = (bound: string) => buckets.find((one) => one.labels.le === bound)?.value;
  assert.equal(le('+Inf'), 3);
  assert.equal(le('60'), 2, 'the objective is a bound of the histogram');
});

interface Family {
  type: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** By the rules of the exposition format and of promtool's naming lint; what breaks one fails. */
function readMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'));
  const families = new Map<string, Family>();
  let now = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP ([a-z_]+) (\S.*)$/.exec(line);
    if (help !== null) {
      now = help[1] ?? '';
      assert.equal(families.has(now), false, `${now} comes twice`);
      families.set(now, { type: '', samples: [] });
      continue;
    }
    const family = families.get(now);
    assert.ok(family !== undefined, line);
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      assert.equal(type[1], now);
      family.type = type[2] ?? '';
      continue;
    }
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const suffix = family.type === 'histogram' ? /^(_bucket|_sum|_count)$/ : /^$/;
    assert.ok(name.startsWith(now) && suffix.test(name.slice(now.length)), line);
    assert.equal(now.endsWith('_total'), family.type === 'counter', `${now} is a ${family.type}`);
    assert.ok(value !== '' && Number.isFinite(Number(value)), line);
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/g)];
    assert.equal(pairs.map((pair) => pair[0]).join(''), labels, `labels of ${line}`);
    const read = Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text]));
    assert.ok(
      !family.samples.some((one) => one.name === name && JSON.stringify(one.labels) === JSON.stringify(read)),
    );
    family.samples.push({ name, labels: read, value: Number(value) });
  }
  for (const [name, { type, samples }] of families) {
    assert.ok(samples.length > 0, `${name} is empty`);
    if (type !== 'histogram') continue;
    const counts = samples.filter((one) => one.name.endsWith('_bucket')).map((one) => one.value);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name} is cumulative`,
    );
    assert.equal(samples.filter((one) => one.labels.le === '+Inf')[0]?.value, samples.at(-1)?.value);
  }
  return families;
}
