// A simple model of what grants do, and the commands that people, time and accidents give: each runs on the real
// program, store and target and on the model, and then all three and the log are compared. Every run has a person of
// its own, so that runs do not meet.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { type Company, openCompany } from './company.ts';
import type { LeanSallyport } from './lean-sallyport.ts';
import { policiesInForce, publishPolicies } from './sallyport.ts';

/** lifecycle.md gives a revocation 60 s at the most; without any fault this is plenty, and a model must not wait more. */
const SETTLE_LIMIT_MS = 60_000;
const LOOK_MS = 50;
/** Nothing is compared this close to a deadline: it may count either way. */
const NEAR_MS = 1_000;
const LONGEST_S = 3_600;

type Task = 'read-orders' | 'fix-orders';

interface ModelGrant {
  id: string;
  task: Task;
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

export interface Model {
  grants: ModelGrant[];
  /** Requests that wait for an approval. */
  pending: string[];
  targetUp: boolean;
  readingForbidden: boolean;
  disabled: boolean;
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
  targetUp: true,
  readingForbidden: false,
  disabled: false,
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

/** Something to work with: an active grant, and a request that waits. */
export async function begin(model: Model, real: Real): Promise<void> {
  for (const first of [request('read-orders', 600), request('fix-orders', 600)]) await first.run(model, real);
}

/** Back to where the next run begins. */
export async function closeReal(model: Model, real: Real): Promise<void> {
  if (!model.targetUp) await real.sallyport.roads.target.open();
  if (model.readingForbidden) await setForbidden(real, false);
  for (const { client } of real.sessions.values()) await client.end().catch(() => undefined);
  for (const grant of model.grants.filter(({ state }) => state !== 'over'))
    await real.company.call('admin', 'POST', `/api/grants/${grant.id}/revoke`, { reason: 'the run is over' });
  await real.admin.end();
  await real.company.close();
}

async function setForbidden({ sallyport }: Real, forbidden: boolean): Promise<void> {
  const files = { ...(await policiesInForce(sallyport)), [POLICY_FILE]: forbidden ? FORBID : NO_FORBID };
  await publishPolicies(sallyport, files);
}

const live = (model: Model) => model.grants.filter(({ state }) => state !== 'over');
const active = (model: Model) => model.grants.filter(({ state }) => state === 'active');
const pick = <T>(all: readonly T[], which: number): T => {
  const found = all[which % all.length];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
};

function end(grant: ModelGrant): void {
  grant.state = 'over';
}

type Command = fc.AsyncCommand<Model, Real>;

/** `act` changes both; what has to hold after every command is compared by `compare`. */
function command(
  said: string,
  check: (model: Readonly<Model>) => boolean,
  act: (model: Model, real: Real) => Promise<void>,
): Command {
  return {
    check,
    async run(model, real) {
      await letPass(model);
      await act(model, real);
      await compare(model, real);
    },
    toString: () => said,
  };
}

const may = (model: Readonly<Model>) => !model.disabled;

function request(task: Task, seconds: number): Command {
  return command(
    `request ${task} for ${seconds} s`,
    (model) => may(model) && live(model).length < 6,
    async (model, real) => {
      const body = { target: 'orders-db', task, duration: `${seconds}s`, reason: 'the model asks' };
      const wait = model.targetUp && task === 'read-orders' ? 20 : 0;
      const answer = await real.company.call(real.person, 'POST', `/api/requests?wait=${wait}`, body);
      const got = submitted.parse(answer.body);
      if (task === 'read-orders' && model.readingForbidden) {
        assert.deepEqual([got.request.state, got.grant], ['denied', null]);
        return;
      }
      if (task === 'fix-orders') {
        assert.equal(got.request.state, 'pending');
        model.pending.push(got.request.id);
        return;
      }
      assert.ok(got.grant !== null);
      model.grants.push(newGrant(got.grant.id, task, seconds));
    },
  );
}

function newGrant(id: string, task: Task, seconds: number): ModelGrant {
  return {
    id,
    task,
    state: 'waiting',
    endsAtMs: 0,
    wholeS: seconds,
    gone: false,
    wasActive: false,
    session: 'none',
  };
}

const approve = (which: number): Command =>
  command(
    `approve pending request ${which}`,
    (model) => may(model) && model.pending.length > 0,
    async (model, real) => {
      const id = pick(model.pending, which);
      const answer = await real.company.call('approver', 'POST', `/api/requests/${id}/approve`, {});
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      model.pending.splice(model.pending.indexOf(id), 1);
      const { rows } = await real.company.store.query(
        'select id, duration_s from grants where request_id = $1',
        [id],
      );
      model.grants.push(newGrant(String(rows[0]?.id), 'fix-orders', Number(rows[0]?.duration_s)));
    },
  );

const extend = (which: number, seconds: number): Command =>
  command(
    `extend grant ${which} by ${seconds} s`,
    (model) => may(model) && model.grants.length > 0,
    async (model, real) => {
      const grant = pick(model.grants, which);
      const before = grant.endsAtMs;
      const body = { duration: `${seconds}s`, reason: 'the model needs longer' };
      const answer = await real.company.call(real.person, 'POST', `/api/grants/${grant.id}/extend`, body);
      const allowed =
        grant.state === 'active' &&
        model.targetUp &&
        grant.task === 'read-orders' &&
        grant.wholeS + seconds <= LONGEST_S &&
        !model.readingForbidden;
      if (grant.task === 'fix-orders' && grant.state === 'active') {
        assert.equal(answer.status, 403, 'an extension that wants approval');
      } else assert.equal(answer.status < 300, allowed, `${answer.status} ${JSON.stringify(answer.body)}`);
      if (!allowed) return;
      grant.wholeS += seconds;
      grant.endsAtMs = before + seconds * 1000;
    },
  );

const giveBack = (which: number, who: 'the person' | 'an administrator'): Command =>
  command(
    `${who === 'the person' ? 'give back' : 'revoke'} grant ${which}`,
    (model) => (who === 'an administrator' || may(model)) && model.grants.length > 0,
    async (model, real) => {
      const grant = pick(model.grants, which);
      const answer =
        who === 'the person'
          ? await real.company.call(real.person, 'POST', `/api/grants/${grant.id}/done`)
          : await real.company.call('admin', 'POST', `/api/grants/${grant.id}/revoke`, {
              reason: 'the model',
            });
      assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`);
      end(grant);
    },
  );

const openSession = (which: number): Command =>
  command(
    `open a session with grant ${which}`,
    (model) => may(model) && model.targetUp && active(model).some(({ session }) => session === 'none'),
    async (model, real) => {
      const grant = pick(
        active(model).filter(({ session }) => session === 'none'),
        which,
      );
      // Too late to begin anything.
      if (grant.endsAtMs - Date.now() < 2 * NEAR_MS) return;
      const path = `/api/grants/${grant.id}/credentials`;
      const { dsn } = await real.company.ask(real.person, 'POST', path, issuedCredential, {});
      const client = new pg.Client({ connectionString: dsn });
      const kept = { client, closed: false };
      client.on('error', () => undefined);
      client.once('end', () => {
        kept.closed = true;
      });
      await client.connect();
      await client.query('select 1');
      real.sessions.set(grant.id, kept);
      grant.session = 'open';
    },
  );

const waitForExpiry: Command = command(
  'wait for the next deadline of at most 5 s',
  (model) => active(model).some(({ endsAtMs }) => endsAtMs - Date.now() < 5_000),
  async (model) => {
    const next = Math.min(...active(model).map(({ endsAtMs }) => endsAtMs));
    await delay(Math.max(0, next - Date.now()));
  },
);

const crash: Command = command(
  'kill -9, and start again',
  () => true,
  async (model, real) => {
    await real.sallyport.crash();
    for (const grant of model.grants) if (grant.session === 'open') grant.session = 'closed';
    // The start itself looks at the demo's target.
    if (!model.targetUp) await real.sallyport.roads.target.open();
    model.targetUp = true;
    await real.sallyport.start();
  },
);

const targetDown: Command = command(
  'the target goes down',
  (model) => model.targetUp && model.grants.every(({ state }) => state !== 'waiting'),
  async (model, real) => {
    await real.sallyport.roads.target.block('refuse');
    model.targetUp = false;
    for (const grant of model.grants) if (grant.session === 'open') grant.session = 'closed';
  },
);

const targetUp: Command = command(
  'the target comes back',
  (model) => !model.targetUp,
  async (model, real) => {
    await real.sallyport.roads.target.open();
    model.targetUp = true;
  },
);

const policy = (forbidden: boolean): Command =>
  command(
    forbidden ? 'policy forbids reading' : 'policy permits reading again',
    (model) => model.readingForbidden !== forbidden,
    async (model, real) => {
      await setForbidden(real, forbidden);
      model.readingForbidden = forbidden;
      if (forbidden) for (const grant of live(model)) if (grant.task === 'read-orders') end(grant);
    },
  );

const disable: Command = command(
  'the person is disabled',
  (model) => !model.disabled,
  async (model, real) => {
    const path = `/api/principals/${real.person}/disable`;
    const answer = await real.company.call('admin', 'POST', path, { reason: 'the model' });
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    model.disabled = true;
    for (const grant of live(model)) end(grant);
  },
);

const which = fc.nat({ max: 5 });

/** What a run is made of; the common ones stand more than once. */
export const COMMANDS: readonly fc.Arbitrary<Command>[] = [
  fc.constantFrom(2, 4, 600, 3_500).map((seconds) => request('read-orders', seconds)),
  fc.constantFrom(3, 600).map((seconds) => request('read-orders', seconds)),
  fc.constant(request('fix-orders', 600)),
  which.map(approve),
  fc.tuple(which, fc.constantFrom(5, 600)).map(([at, seconds]) => extend(at, seconds)),
  fc.tuple(which, fc.constantFrom('the person', 'an administrator')).map(([at, who]) => giveBack(at, who)),
  which.map(openSession),
  which.map(openSession),
  fc.constant(waitForExpiry),
  fc.constant(crash),
  fc.constant(targetDown),
  fc.constant(targetUp),
  fc.boolean().map(policy),
  fc.constant(disable),
];

/** Deadlines that are near pass first, so that every comparison is far from one. */
async function letPass(model: Model): Promise<void> {
  for (const grant of active(model)) {
    const leftMs = grant.endsAtMs - Date.now();
    if (Math.abs(leftMs) < NEAR_MS) await delay(leftMs + NEAR_MS);
  }
  for (const grant of active(model)) if (grant.endsAtMs <= Date.now()) end(grant);
}

interface StoredRow {
  id: string;
  login: string;
  wanted: string;
  observed: string;
  expires_at: Date | null;
}

/** Waits until store, target and log are what the model says. Errors: AssertionError with the last difference. */
async function compare(model: Model, real: Real): Promise<void> {
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
