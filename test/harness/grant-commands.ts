// What people, time and accidents do to grants, as commands: each runs on the real program, store and target and on the
// model (grant-model.ts), and what has to hold after every one is compared there.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { kill as killSchema } from '../../src/api/kills.ts';
import { submitted } from '../../src/api/requests.ts';
import { codeOf } from './company.ts';
import {
  active,
  compare,
  end,
  letPass,
  live,
  type Model,
  type ModelGrant,
  NEAR_MS,
  type PendingExtension,
  type PendingRequest,
  type Real,
  setForbidden,
  type Task,
} from './grant-model.ts';

const MOST_LIVE = 6;
/** By the demo's policies: what is asked for beyond the first takes an approval, beyond the second nobody gets it. */
const AT_ONCE_S = { 'read-orders': 3_600, 'fix-orders': 0 };
const LONGEST_S = { 'read-orders': 8 * 3_600, 'fix-orders': 4 * 3_600 };

type Command = fc.AsyncCommand<Model, Real>;

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

const pick = <T>(all: readonly T[], which: number): T => {
  const found = all[which % all.length];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
};

const may = (model: Readonly<Model>) => !model.disabled;

/** Something to work with: an active grant, and a request that waits. */
export async function begin(model: Model, real: Real): Promise<void> {
  for (const first of [request(['read-orders'], 600), request(['fix-orders'], 600)])
    await first.run(model, real);
}

/** Of one task a plain request, of several a bundle: all or none. */
function request(tasks: readonly Task[], seconds: number): Command {
  return command(
    `request ${tasks.join(' and ')} for ${seconds} s`,
    (model) => may(model) && live(model).length + tasks.length <= MOST_LIVE,
    async (model, real) => {
      const members = tasks.map((task) => ({ target: 'orders-db', task }));
      const what = { duration: `${seconds}s`, reason: 'the model asks' };
      const [path, body] =
        members.length === 1
          ? ['/api/requests', { ...members[0], ...what }]
          : ['/api/bundles', { members, ...what }];
      const atOnce = tasks.every((task) => AT_ONCE_S[task] >= seconds);
      const wait = model.targetUp && atOnce && model.killId === null ? 20 : 0;
      const answer = await real.company.call(real.person, 'POST', `${path}?wait=${wait}`, body);
      if (model.killId !== null) return assert.equal(codeOf(answer), 'killed');
      const got = submitted.parse(answer.body);
      if (tasks.includes('read-orders') && model.readingForbidden)
        return assert.deepEqual([got.request.state, got.grant], ['denied', null]);
      const asked = { id: got.request.id, tasks };
      assert.equal(got.request.state, atOnce ? 'approved' : 'pending');
      if (atOnce) await granted(model, real, asked);
      else model.pending.push(asked);
    },
  );
}

/** What stands in the store for it is what the model goes on with. */
async function granted(model: Model, real: Real, { id: requestId, tasks }: PendingRequest): Promise<void> {
  const { rows } = await real.company.store.query<{ id: string; task: Task; duration_s: number }>(
    `select g.id, t.name as task, g.duration_s from grants g join tasks t on t.id = g.task_id
     where g.request_id = $1 order by t.name`,
    [requestId],
  );
  assert.deepEqual(rows.map(({ task }) => task).sort(), [...tasks].sort());
  for (const { id, task, duration_s: wholeS } of rows) {
    const bundle = rows.length > 1 ? requestId : null;
    model.grants.push({
      ...{ id, task, bundle, wholeS, state: 'waiting', endsAtMs: 0 },
      ...{ gone: false, wasActive: false, session: 'none' },
    });
  }
}

/** Whom a yes would still help: a grant must live, and the request must not lapse meanwhile. */
function approvable(model: Readonly<Model>): (PendingRequest | PendingExtension)[] {
  return [
    ...model.pending.filter(({ tasks }) => !(model.readingForbidden && tasks.includes('read-orders'))),
    ...model.extensions.filter(
      ({ grant, lapsesAtMs }) => grant.state === 'active' && lapsesAtMs - Date.now() > 2 * NEAR_MS,
    ),
  ];
}

const approve = (which: number): Command =>
  command(
    `approve pending request ${which}`,
    (model) => may(model) && approvable(model).length > 0,
    async (model, real) => {
      const all = approvable(model);
      if (all.length === 0) return;
      const asked = pick(all, which);
      const answer = await real.company.call('approver', 'POST', `/api/requests/${asked.id}/approve`, {});
      if ('grant' in asked && asked.wholeS <= asked.grant.wholeS)
        return assert.equal(codeOf(answer), 'already-longer');
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      if ('grant' in asked) {
        model.extensions.splice(model.extensions.indexOf(asked), 1);
        lengthen(asked.grant, asked.wholeS);
      } else {
        model.pending.splice(model.pending.indexOf(asked), 1);
        await granted(model, real, asked);
      }
    },
  );

function lengthen(grant: ModelGrant, wholeS: number): void {
  grant.endsAtMs += (wholeS - grant.wholeS) * 1000;
  grant.wholeS = wholeS;
}

const extend = (which: number, seconds: number): Command =>
  command(
    `extend grant ${which} by ${seconds} s`,
    (model) => may(model) && model.grants.length > 0,
    async (model, real) => {
      const grant = pick(model.grants, which);
      const body = { duration: `${seconds}s`, reason: 'the model needs longer' };
      const answer = await real.company.call(real.person, 'POST', `/api/grants/${grant.id}/extend`, body);
      const said = `${answer.status} ${JSON.stringify(answer.body)}`;
      const wholeS = grant.wholeS + seconds;
      if (grant.state !== 'active') return assert.equal(answer.status, 409, said);
      if (wholeS > LONGEST_S[grant.task]) return assert.equal(codeOf(answer), 'extension-denied', said);
      if (wholeS > AT_ONCE_S[grant.task]) return asksForMore(model, grant, wholeS, answer);
      // The target's own expiry moves first.
      assert.equal(answer.status < 300, model.targetUp, said);
      if (model.targetUp) lengthen(grant, wholeS);
    },
  );

function asksForMore(
  model: Model,
  grant: ModelGrant,
  wholeS: number,
  answer: { status: number; body: unknown },
): void {
  if (model.extensions.some((other) => other.grant === grant && other.lapsesAtMs > Date.now())) {
    assert.equal(codeOf(answer), 'extension-pending');
    return;
  }
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const { extension } = grantSchema.parse(answer.body);
  assert.equal(extension?.durationSeconds, wholeS);
  model.extensions.push({ id: extension.requestId, grant, wholeS, lapsesAtMs: grant.endsAtMs });
}

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
      end(model, grant);
    },
  );

const openSession = (which: number): Command =>
  command(
    `open a session with grant ${which}`,
    (model) => may(model) && model.targetUp && active(model).some(({ session }) => session === 'none'),
    async (model, real) => {
      const free = active(model).filter(({ session }) => session === 'none');
      // Too late to begin anything.
      if (free.length === 0) return;
      const grant = pick(free, which);
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
      if (forbidden) for (const grant of live(model)) if (grant.task === 'read-orders') end(model, grant);
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
    for (const grant of live(model)) end(model, grant);
  },
);

const pressKill: Command = command(
  'the kill switch is pressed for the person',
  (model) => model.killId === null,
  async (model, real) => {
    const { id } = await real.company.ask('admin', 'POST', '/api/kills', killSchema, {
      ...{ scope: 'person', name: real.person, confirm: real.person, reason: 'the model' },
    });
    model.killId = id;
    model.pending = [];
    model.extensions = [];
    for (const grant of live(model)) end(model, grant);
  },
);

const liftKill: Command = command(
  'the kill switch is lifted',
  (model) => model.killId !== null,
  async (model, real) => {
    const path = `/api/kills/${model.killId}/lift`;
    await real.company.ask('admin', 'POST', path, killSchema, { reason: 'the model' });
    model.killId = null;
  },
);

const which = fc.nat({ max: 5 });

/** What a run is made of; the common ones stand more than once. */
export const COMMANDS: readonly fc.Arbitrary<Command>[] = [
  fc.constantFrom(2, 4, 600, 3_500).map((seconds) => request(['read-orders'], seconds)),
  fc.constantFrom(3, 600).map((seconds) => request(['read-orders'], seconds)),
  fc.constant(request(['fix-orders'], 600)),
  fc.constantFrom(4, 600).map((seconds) => request(['read-orders', 'fix-orders'], seconds)),
  which.map(approve),
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
  fc.constant(pressKill),
  fc.constant(liftKill),
  fc.constant(liftKill),
];
