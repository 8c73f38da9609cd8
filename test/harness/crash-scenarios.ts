// What people can set going, for the crashes in the middle of it (crash-steps.ts): each leaves the next one room, also
// when it was cut off.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { brokenGlassAnswer } from '../../src/api/break-glass.ts';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { keysAnswer } from '../../src/api/keys.ts';
import { kill as killSchema } from '../../src/api/kills.ts';
import { type Kit, kitList, kit as kitSchema } from '../../src/api/kits.ts';
import { submitted } from '../../src/api/requests.ts';
import { session as sessionSchema } from '../../src/api/sessions.ts';
import { task as taskSchema } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { SALLYPORT_ADMIN } from '../../src/demo/orders-database.ts';
import { converge } from './convergence.ts';
import type { LeanSallyport } from './lean-sallyport.ts';
import { policiesInForce, publishPolicies } from './sallyport.ts';

export interface Scenario {
  name: string;
  /** What has to be there before; its steps do not count. */
  prepare(sallyport: LeanSallyport): Promise<string>;
  act(sallyport: LeanSallyport, id: string): Promise<void>;
  /** Besides what holds after every crash (convergence.ts): waits until what was begun is done, or never was. */
  settled?(sallyport: LeanSallyport): Promise<void>;
}

const REASON = 'to be cut off';

async function active(sallyport: LeanSallyport, duration = '10m', task = 'read-orders'): Promise<Grant> {
  const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=10', submitted, {
    target: 'orders-db',
    task,
    duration,
    reason: REASON,
  });
  assert.equal(got.grant?.state, 'active');
  return got.grant;
}

/** One connection and one statement. */
async function useOnce(sallyport: LeanSallyport, grantId: string): Promise<void> {
  const path = `/api/grants/${grantId}/credentials`;
  const { dsn } = await sallyport.ask('engineer', 'POST', path, issuedCredential, {});
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select count(*) from orders');
  await client.end();
}

/** Past the program: no step of its own. */
async function inStore(sallyport: LeanSallyport, text: string, values: unknown[]): Promise<unknown[]> {
  const store = new pg.Client({ connectionString: sallyport.store.adminUrl });
  await store.connect();
  try {
    return (await store.query(text, values)).rows;
  } finally {
    await store.end();
  }
}

const RECORDING_LIMIT_MS = 40_000;

async function waitFor<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const endsAt = Date.now() + RECORDING_LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    assert.ok(Date.now() < endsAt, `not within ${RECORDING_LIMIT_MS} ms: ${what}`);
    await delay(100);
  }
}

/** The session of that grant whose recording is closed. */
function recorded(sallyport: LeanSallyport, grantId: string): Promise<string> {
  return waitFor('a recording is closed', async () => {
    const closed = `select id from sessions where grant_id = $1 and recording_hash is not null`;
    const [row] = await inStore(sallyport, closed, [grantId]);
    return row === undefined ? null : (row as { id: string }).id;
  });
}

/** Nothing that is over is left, on the disk or without its one entry. */
async function recordingOver(sallyport: LeanSallyport): Promise<void> {
  const left = `select s.id from sessions s
    where keep_s is not null and (removed_at is null or file_gone_at is null
      or (select count(*) from audit_entries e where e.session_id = s.id and e.kind = 'recording.removed') <> 1)`;
  await waitFor('a recording that is over is gone', async () =>
    (await inStore(sallyport, left, [])).length === 0 ? true : null,
  );
}

/** Ends the connections that the program has to its target. */
async function cutTarget(sallyport: LeanSallyport): Promise<string> {
  const target = new pg.Client({ connectionString: sallyport.target.adminUrl });
  await target.connect();
  try {
    await target.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      SALLYPORT_ADMIN,
    ]);
  } finally {
    await target.end();
  }
  return '';
}

const nothing = () => Promise.resolve('');
const activeId = (sallyport: LeanSallyport) => active(sallyport).then(({ id }) => id);

/** A policy and its family of tasks: each grant of a new one makes the task's role on the target first. */
const FAMILY = 'read-once';
const POLICY = `@id("read-once")
@description("Engineers read with tasks that are made for one grant.")
@owner("tests")
@maxDuration("1h")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/eu/orders"
)
when { context.task in Task::"${FAMILY}" };
`;

/** Once, before any scenario. */
export async function prepareScenarios(sallyport: LeanSallyport): Promise<void> {
  await addTask(sallyport, FAMILY);
  await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'read-once.cedar': POLICY });
  // Its task's role is there from now on.
  await active(sallyport);
}

async function addTask(sallyport: LeanSallyport, name: string): Promise<string> {
  await sallyport.ask('admin', 'POST', '/api/tasks', taskSchema, {
    name,
    kind: 'postgres',
    segment: 'prod/eu/orders',
    description: 'Read orders once.',
    ...(name === FAMILY ? {} : { parent: FAMILY }),
    // With a right on a column, which is looked at in a way of its own when the task's role is made.
    entitlement: {
      tables: [
        { name: 'public.orders', privileges: ['SELECT'] },
        { name: 'public.orders', privileges: ['UPDATE'], columns: ['status'] },
      ],
    },
  });
  return name;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    // First, so that what is asked of a new connection has a scenario where one is opened each time.
    name: 'grant',
    prepare: cutTarget,
    act: (sallyport) => active(sallyport).then(() => undefined),
  },
  {
    name: 'first grant of a task',
    prepare: (sallyport) => addTask(sallyport, `read-once-${randomBytes(4).toString('hex')}`),
    act: (sallyport, task) => active(sallyport, '10m', task).then(() => undefined),
  },
  {
    name: 'approve',
    prepare: async (sallyport) => {
      const body = { target: 'orders-db', task: 'fix-orders', duration: '10m', reason: REASON };
      return (await sallyport.ask('engineer', 'POST', '/api/requests', submitted, body)).request.id;
    },
    act: async (sallyport, id) => {
      await sallyport.call('approver', 'POST', `/api/requests/${id}/approve?wait=10`, {});
    },
  },
  {
    name: 'extend',
    prepare: activeId,
    act: async (sallyport, id) => {
      await sallyport.call('engineer', 'POST', `/api/grants/${id}/extend`, {
        duration: '5m',
        reason: REASON,
      });
    },
  },
  {
    name: 'done',
    prepare: activeId,
    act: async (sallyport, id) => {
      await sallyport.call('engineer', 'POST', `/api/grants/${id}/done?wait=10`);
    },
  },
  {
    name: 'revoke',
    prepare: activeId,
    act: async (sallyport, id) => {
      await sallyport.call('admin', 'POST', `/api/grants/${id}/revoke?wait=10`, { reason: REASON });
    },
  },
  {
    name: 'expire',
    prepare: nothing,
    act: async (sallyport) => {
      const { id } = await active(sallyport, '1s');
      await sallyport.ask('engineer', 'GET', `/api/grants/${id}`, grantSchema);
      await delay(1_200);
      await converge(sallyport);
    },
  },
  {
    name: 'session',
    prepare: activeId,
    act: useOnce,
  },
  {
    name: 'recording over',
    prepare: async (sallyport) => {
      const grantId = await activeId(sallyport);
      await useOnce(sallyport, grantId);
      return recorded(sallyport, grantId);
    },
    act: async (sallyport, id) => {
      const path = `/api/sessions/${id}`;
      for (const act of ['hold', 'release'])
        await sallyport.ask('admin', 'POST', `${path}/${act}`, sessionSchema, { reason: REASON });
      await inStore(sallyport, 'update sessions set keep_s = 1 where id = $1 returning id', [id]);
      await recordingOver(sallyport);
    },
    settled: recordingOver,
  },
  {
    name: 'bundle',
    prepare: nothing,
    act: async (sallyport) => {
      await bundle(sallyport, ['read-orders', FAMILY]);
    },
  },
  {
    name: 'approve a bundle',
    prepare: async (sallyport) => (await bundle(sallyport, ['read-orders', 'fix-orders'])).request.id,
    act: async (sallyport, id) => {
      await sallyport.call('approver', 'POST', `/api/requests/${id}/approve?wait=10`, {});
    },
  },
  {
    name: 'kill switch',
    prepare: activeId,
    act: async (sallyport) => {
      const body = { scope: 'target', name: 'orders-db', confirm: 'orders-db', reason: REASON };
      const { id } = await sallyport.ask('admin', 'POST', '/api/kills', killSchema, body);
      await converge(sallyport);
      await sallyport.ask('admin', 'POST', `/api/kills/${id}/lift`, killSchema, { reason: REASON });
    },
  },
  {
    name: 'break-glass',
    prepare: nothing,
    act: async (sallyport) => {
      const body = { target: 'orders-db', task: 'fix-orders', confirm: 'orders-db', reason: REASON };
      await sallyport.ask('engineer', 'POST', '/api/break-glass?wait=10', brokenGlassAnswer, body);
    },
  },
  {
    name: 'make a kit',
    prepare: async (sallyport) => {
      await retireKits(sallyport);
      return '';
    },
    act: async (sallyport) => {
      await makeKit(sallyport);
    },
    settled: kitsOpen,
  },
  {
    name: 'rotate a kit',
    prepare: async (sallyport) => {
      await retireKits(sallyport);
      return (await makeKit(sallyport)).id;
    },
    act: async (sallyport, id) => {
      const { generation } = await sallyport.ask('admin', 'POST', `/api/kits/${id}/rotate`, kitSchema, {});
      await kitIs(sallyport, (one) => one.id === id && one.state === 'ready' && one.generation >= generation);
    },
    settled: kitsOpen,
  },
  {
    name: 'retire a kit',
    prepare: async (sallyport) => {
      await retireKits(sallyport);
      return (await makeKit(sallyport)).id;
    },
    act: (sallyport) => retireKits(sallyport),
    settled: kitsOpen,
  },
  keyRotation('master'),
  keyRotation('log'),
  keyRotation('target-passwords'),
  keyRotation('admin:orders-db'),
];

/** A kit that was being made, rotated or retired has come to its end. */
async function kitsOpen(sallyport: LeanSallyport): Promise<void> {
  await untilKits(sallyport, (kits) => kits.every(({ state }) => state === 'ready') && kits);
}

function keyRotation(what: string): Scenario {
  return {
    name: `rotate ${what}`,
    prepare: async (sallyport) => {
      // Live grants keep the key before alive.
      await giveBackAll(sallyport, 0);
      await nothingRotates(sallyport);
      return '';
    },
    act: async (sallyport) => {
      await sallyport.ask('admin', 'POST', '/api/keys/rotate', keysAnswer, { what });
      await nothingRotates(sallyport);
      await active(sallyport);
    },
    settled: async (sallyport) => {
      await nothingRotates(sallyport);
      await active(sallyport);
    },
  };
}

async function nothingRotates(sallyport: LeanSallyport): Promise<void> {
  const endsAt = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const { master, log } = await sallyport.ask('admin', 'GET', '/api/keys', keysAnswer);
    if (master.next === null && master.previous === null && log.announced === null) return;
    assert.ok(performance.now() < endsAt, JSON.stringify({ master, log }));
    await delay(LOOK_MS);
  }
}

function bundle(sallyport: LeanSallyport, tasks: string[]) {
  return sallyport.ask('engineer', 'POST', '/api/bundles?wait=10', submitted, {
    members: tasks.map((task) => ({ target: 'orders-db', task })),
    duration: '10m',
    reason: REASON,
  });
}

const KIT = {
  segment: 'prod/eu/orders',
  task: 'fix-orders',
  holders: ['engineer', 'approver', 'second-approver'],
  quorum: 2,
};
const SETTLE_LIMIT_MS = 60_000;
const LOOK_MS = 100;

async function makeKit(sallyport: LeanSallyport): Promise<Kit> {
  const { id } = await sallyport.ask('admin', 'POST', '/api/kits', kitSchema, KIT);
  return kitIs(sallyport, (one) => one.id === id && one.state === 'ready');
}

const kitsOf = async (sallyport: LeanSallyport) =>
  (await sallyport.ask('admin', 'GET', '/api/kits', kitList)).items;

async function untilKits<T>(
  sallyport: LeanSallyport,
  found: (kits: Kit[]) => T | undefined | false,
): Promise<T> {
  const endsAt = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const kits = await kitsOf(sallyport);
    const enough = found(kits);
    if (enough !== undefined && enough !== false) return enough;
    assert.ok(performance.now() < endsAt, JSON.stringify(kits));
    await delay(LOOK_MS);
  }
}

const kitIs = (sallyport: LeanSallyport, enough: (kit: Kit) => boolean) =>
  untilKits(sallyport, (kits) => kits.find(enough));

/** One that is retired is in no list. */
async function retireKits(sallyport: LeanSallyport): Promise<void> {
  for (const { id, state } of await kitsOf(sallyport))
    if (state !== 'retiring') await sallyport.ask('admin', 'POST', `/api/kits/${id}/retire`, kitSchema, {});
  await untilKits(sallyport, (kits) => kits.length === 0);
}

/** So that the crashes also find grants that must survive them, and not ever more. */
const MOST_LEFT = 4;

/** Between two scenarios: what a crash left in force or in great number. */
export async function makeRoom(sallyport: LeanSallyport): Promise<void> {
  const kills = await sallyport.ask('admin', 'GET', '/api/kills?state=in-force', pageOf(killSchema));
  for (const { id } of kills.items)
    await sallyport.ask('admin', 'POST', `/api/kills/${id}/lift`, killSchema, { reason: REASON });
  await giveBackAll(sallyport, MOST_LEFT);
}

async function giveBackAll(sallyport: LeanSallyport, butLast: number): Promise<void> {
  const path = '/api/grants?view=mine&state=active&limit=200';
  const { items } = await sallyport.ask('engineer', 'GET', path, pageOf(grantSchema));
  for (const { id } of items.slice(butLast))
    await sallyport.ask('engineer', 'POST', `/api/grants/${id}/done`, grantSchema);
}
