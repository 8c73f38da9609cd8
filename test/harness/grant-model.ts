// A simple model of what grants do, beside the real program, store and target: after each command (grant-commands.ts)
// all three and the log are compared. Every run has a person of its own, so that runs do not meet.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Company, openCompany } from './company.ts';
import type { LeanSallyport } from './lean-sallyport.ts';
import { policiesInForce, publishPolicies } from './sallyport.ts';

/** lifecycle.md gives a revocation 60 s at the most; without any fault this is plenty, and a model must not wait more. */
const SETTLE_LIMIT_MS = 60_000;
const LOOK_MS = 50;
/** Nothing is compared this close to a deadline: it may count either way. */
export const NEAR_MS = 1_000;

export type Task = 'read-orders' | 'fix-orders';

export interface ModelGrant {
  id: string;
  task: Task;
  /** Those of one bundle have it in common: they begin together, or not at all. */
  bundle: string | null;
  /** `waiting`: its target cannot be reached. */
  state: 'waiting' | 'active' | 'over';
  /** Once active; by the clock of store and test, which is one. */
  endsAtMs: number;
  wholeS: number;
  /** The target was asked and answered since it is over. */
  gone: boolean;
  wasActive: boolean;
  session: 'none' | 'open' | 'closed';
}

/** What waits for an approval. */
export interface PendingRequest {
  id: string;
  tasks: readonly Task[];
}

/** More time for `grant`, which waits for an approval until the end that the grant had when it was asked for. */
export interface PendingExtension {
  id: string;
  grant: ModelGrant;
  wholeS: number;
  lapsesAtMs: number;
}

export interface Model {
  grants: ModelGrant[];
  pending: PendingRequest[];
  extensions: PendingExtension[];
  targetUp: boolean;
  readingForbidden: boolean;
  disabled: boolean;
  /** The kill switch that is pressed for the person. */
  killId: string | null;
}

export interface Real {
  sallyport: LeanSallyport;
  company: Company;
  person: string;
  admin: pg.Client;
  sessions: Map<string, { client: pg.Client; closed: boolean }>;
}

export const freshModel = (): Model => ({
  grants: [],
  pending: [],
  extensions: [],
  targetUp: true,
  readingForbidden: false,
  disabled: false,
  killId: null,
});

const FORBID = `@id("stop-reading")
@description("Nobody reads orders for now.")
@owner("tests")
forbid (principal, action == Action::"request", resource in Segment::"prod/eu/orders")
when { context.task == Task::"read-orders" };
`;
const NO_FORBID = FORBID.replace('"read-orders"', '"nothing"');
const POLICY_FILE = 'model.cedar';

let people = 0;

/** A person and empty hands. */
export async function openReal(sallyport: LeanSallyport): Promise<Real> {
  const company = await openCompany(sallyport);
  company.store.on('error', () => undefined);
  const person = `model-${process.pid}-${people++}`;
  await company.hire(person, 'engineering');
  const admin = new pg.Client({ connectionString: sallyport.adminUrl() });
  admin.on('error', () => undefined);
  await admin.connect();
  return { sallyport, company, person, admin, sessions: new Map() };
}

/** Back to where the next run begins. */
export async function closeReal(model: Model, real: Real): Promise<void> {
  if (!model.targetUp) await real.sallyport.roads.target.open();
  if (model.readingForbidden) await setForbidden(real, false);
  if (model.killId !== null)
    await real.company.call('admin', 'POST', `/api/kills/${model.killId}/lift`, {
      reason: 'the run is over',
    });
  for (const { client } of real.sessions.values()) await client.end().catch(() => undefined);
  for (const grant of model.grants.filter(({ state }) => state !== 'over'))
    await real.company.call('admin', 'POST', `/api/grants/${grant.id}/revoke`, { reason: 'the run is over' });
  await real.admin.end();
  await real.company.close();
}

export async function setForbidden({ sallyport }: Real, forbidden: boolean): Promise<void> {
  const files = { ...(await policiesInForce(sallyport)), [POLICY_FILE]: forbidden ? FORBID : NO_FORBID };
  await publishPolicies(sallyport, files);
}

export const live = (model: Readonly<Model>) => model.grants.filter(({ state }) => state !== 'over');
export const active = (model: Readonly<Model>) => model.grants.filter(({ state }) => state === 'active');

/** Of a bundle that has not begun, all. */
export function end(model: Model, grant: ModelGrant): void {
  const undone = grant.state === 'waiting' && grant.bundle !== null;
  grant.state = 'over';
  if (undone) for (const other of live(model)) if (other.bundle === grant.bundle) other.state = 'over';
}

/** Deadlines that are near pass first, so that every comparison is far from one. */
export async function letPass(model: Model): Promise<void> {
  for (const grant of active(model)) {
    const leftMs = grant.endsAtMs - Date.now();
    if (Math.abs(leftMs) < NEAR_MS) await delay(leftMs + NEAR_MS);
  }
  for (const grant of active(model)) if (grant.endsAtMs <= Date.now()) end(model, grant);
}

interface StoredRow {
  id: string;
  login: string;
  wanted: string;
  observed: string;
  expires_at: Date | null;
}

/** Waits until store, target and log are what the model says. Errors: AssertionError with the last difference. */
export async function compare(model: Model, real: Real): Promise<void> {
  const endsAt = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    await letPass(model);
    const wrong = await differences(model, real);
    if (wrong.length === 0) return;
    if (performance.now() > endsAt) assert.fail(`The model says otherwise:\n  ${wrong.join('\n  ')}`);
    await delay(LOOK_MS);
  }
}

async function differences(model: Model, real: Real): Promise<string[]> {
  const ids = model.grants.map(({ id }) => id);
  const { rows } = await real.company.store.query<StoredRow>(
    `select g.id, g.login, g.wanted, g.observed, g.expires_at from grants g
     join principals p on p.id = g.principal_id where p.name = $1`,
    [real.person],
  );
  const stored = new Map(rows.map((row) => [row.id, row]));
  const wrong = rows
    .filter(({ id }) => !ids.includes(id))
    .map(({ id }) => `the store has ${id}, nobody asked for it`);
  for (const grant of model.grants) {
    const row = stored.get(grant.id);
    if (row === undefined) wrong.push(`the store has lost ${grant.id}`);
    else wrong.push(...(await ofGrant(model, real, grant, row)));
  }
  return wrong;
}

async function ofGrant(model: Model, real: Real, grant: ModelGrant, row: StoredRow): Promise<string[]> {
  const name = `grant ${model.grants.indexOf(grant)}`;
  // It became active, by the store's own word; from then on the model holds it to its deadline.
  if (grant.state === 'waiting' && model.targetUp && row.observed === 'present' && row.expires_at !== null) {
    grant.state = 'active';
    grant.wasActive = true;
    grant.endsAtMs = row.expires_at.getTime();
    await letPass(model);
  }
  grant.gone ||= grant.state === 'over' && row.observed === 'absent';
  const wrong: string[] = [];
  const expect = (what: string, is: unknown, should: unknown) => {
    if (is !== should)
      wrong.push(`${name} (${grant.state}): ${what} is ${String(is)}, not ${String(should)}`);
  };
  expect('wanted', row.wanted, grant.state === 'over' ? 'absent' : 'present');
  if (grant.state === 'waiting') expect('observed', row.observed, model.targetUp ? 'present' : 'unknown');
  if (grant.state === 'active') {
    expect('observed', row.observed, 'present');
    expect('its end', row.expires_at?.getTime(), grant.endsAtMs);
  }
  if (grant.state === 'over' && model.targetUp) expect('observed', row.observed, 'absent');
  const there = await onTarget(real, row.login);
  if (grant.state === 'active') expect('on the target', there.login, 'yes, in one role');
  if (grant.state === 'over' && (model.targetUp || grant.gone)) {
    expect('on the target', there.login, 'no');
    expect('sessions on the target', there.sessions, 0);
  }
  if (grant.session !== 'none') {
    const closed = real.sessions.get(grant.id)?.closed;
    expect('its session closed', closed, grant.state === 'over' || grant.session === 'closed');
  }
  const log = await entriesOf(real, grant.id);
  expect('entries of its intent', log['grant.intended'], 1);
  if (grant.wasActive) expect('entries of its start', log['grant.active'], 1);
  expect('entries of its end', log['grant.ending'] ?? 0, grant.state === 'over' ? 1 : 0);
  expect('entries of its absence', log['grant.revoked'] ?? 0, row.observed === 'absent' ? 1 : 0);
  return wrong;
}

async function onTarget(real: Real, login: string): Promise<{ login: string; sessions: number }> {
  const { rows } = await real.admin.query<{ roles: number | null; sessions: number }>(
    `select (select (select count(*)::int from pg_auth_members m where m.member = r.oid) from pg_roles r
        where r.rolname = $1 and r.rolcanlogin) as roles,
      (select count(*)::int from pg_stat_activity where usename = $1) as sessions`,
    [login],
  );
  const [row] = rows;
  const roles = row?.roles ?? null;
  return {
    login: roles === null ? 'no' : roles === 1 ? 'yes, in one role' : `yes, in ${roles} roles`,
    sessions: row?.sessions ?? 0,
  };
}

async function entriesOf(real: Real, grantId: string): Promise<Record<string, number>> {
  const { rows } = await real.company.store.query<{ kind: string; count: number }>(
    'select kind, count(*)::int as count from audit_entries where grant_id = $1 group by kind',
    [grantId],
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}
