// What a person can set going, done again and again and cut off by kill -9 at another of its steps each time. The
// steps are found by watching one whole run, not written down: a new one is in the list by itself.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { task as taskSchema } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { converge, logVerifies } from './convergence.ts';
import type { LeanSallyport } from './lean-sallyport.ts';
import { policiesInForce, publishPolicies } from './sallyport.ts';
import type { Armed } from './steps.ts';

export interface Scenario {
  name: string;
  /** What has to be there before; its steps do not count. */
  prepare(sallyport: LeanSallyport): Promise<string>;
  act(sallyport: LeanSallyport, id: string): Promise<void>;
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
    entitlement: { readOnly: true, tables: [{ name: 'public.orders', privileges: ['SELECT'] }] },
  });
  return name;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first grant of a task',
    prepare: (sallyport) => addTask(sallyport, `read-once-${randomBytes(4).toString('hex')}`),
    act: (sallyport, task) => active(sallyport, '10m', task).then(() => undefined),
  },
  { name: 'grant', prepare: nothing, act: (sallyport) => active(sallyport).then(() => undefined) },
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
    act: async (sallyport, id) => {
      const path = `/api/grants/${id}/credentials`;
      const { dsn } = await sallyport.ask('engineer', 'POST', path, issuedCredential, {});
      const client = new pg.Client({ connectionString: dsn });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('select count(*) from orders');
      await client.end();
    },
  },
];

/** After a scenario: what follows by itself (the log's numbers and signature, what is told others). */
const AFTERMATH_MS = 1_500;
const END_LIMIT_MS = 5_000;
/** So that the crashes also find grants that must survive them, and not ever more. */
const MOST_LEFT = 4;

/** The steps of a whole run, and how often each was taken. */
export async function findSteps(
  sallyport: LeanSallyport,
  scenario: Scenario,
): Promise<Record<string, number>> {
  const id = await scenario.prepare(sallyport);
  sallyport.record();
  await scenario.act(sallyport, id);
  await delay(AFTERMATH_MS);
  return sallyport.steps();
}

/** A step's place; the same label in another scenario is the same step. */
export interface Place {
  scenario: Scenario;
  label: string;
  occurrences: number;
}

/** Each step once, in the first scenario that takes it. */
export async function findPlaces(sallyport: LeanSallyport): Promise<Place[]> {
  const places = new Map<string, Place>();
  for (const scenario of SCENARIOS) {
    for (const [label, occurrences] of Object.entries(await findSteps(sallyport, scenario)))
      if (!places.has(label)) places.set(label, { scenario, label, occurrences });
    await returnSome(sallyport);
  }
  return [...places.values()];
}

/** Tried this often: what happens in the background, or only in a program that has just started, may not come at once. */
const MOST_TRIES = 4;
const LONG_WAIT_MS = 15_000;

/**
 * Dies there, starts again, converges. Gives how long that took from the start, in ms; null when it never came to that
 * step. Errors: AssertionError when it does not converge, or the log does not verify.
 */
export async function crashAt(
  sallyport: LeanSallyport,
  { scenario, label }: Place,
  step: Omit<Armed, 'label'>,
): Promise<number | null> {
  for (let tried = 1; tried <= MOST_TRIES; tried++) {
    await returnSome(sallyport);
    if (tried % 2 === 0) {
      await sallyport.stop();
      await sallyport.start();
    }
    const id = await scenario.prepare(sallyport);
    const ended = sallyport.ended();
    sallyport.arm({ ...step, label });
    await scenario.act(sallyport, id).catch(() => undefined);
    const waitMs = tried === MOST_TRIES ? LONG_WAIT_MS : END_LIMIT_MS;
    if (await Promise.race([ended.then(() => true), delay(waitMs, false)])) {
      await sallyport.start();
      const convergedMs = await converge(sallyport);
      await logVerifies(sallyport);
      return convergedMs;
    }
    sallyport.record();
  }
  return null;
}

async function returnSome(sallyport: LeanSallyport): Promise<void> {
  const path = '/api/grants?view=mine&state=active&limit=200';
  const { items } = await sallyport.ask('engineer', 'GET', path, pageOf(grantSchema));
  for (const { id } of items.slice(MOST_LEFT))
    await sallyport.ask('engineer', 'POST', `/api/grants/${id}/done`, grantSchema);
}
