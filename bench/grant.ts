// The grant bench, 8 at a time, all on one target (the demo's, fsync on, as shipped), in turns:
//   floor       the very statements that the connector sends for a grant and its revocation (recorded at the start
//               between connector and target: CREATE ROLE with comment, membership and settings in one block, then
//               NOLOGIN + REVOKE committed, pg_terminate_backend, DROP ROLE, absence by OID), on a plain pool of 8
//   connector   registry → open → grant, revoke
//   whole path  POST /api/requests?wait → active, POST /api/grants/:id/done?wait → revoked (the target has said that it
//               is gone), through the real program in its own process, its embedded store with fsync on

import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import pg from 'pg';
import { z } from 'zod';
import { newId } from '../src/base/ids.ts';
import { Secret } from '../src/base/secret.ts';
import type { GrantPlan } from '../src/connectors/contract.ts';
import { createRegistry, type OpenTarget } from '../src/connectors/registry.ts';
import { DEMO_TARGET } from '../src/demo/demo.ts';
import { DEMO_TASKS } from '../src/demo/tasks.ts';
import { dialDirect } from '../src/targets/dial.ts';
import { type Sallyport, startSallyport } from '../test/harness/sallyport.ts';
import { plainPool, type RecordedPair, replay, startRecorder } from './recorded-pair.ts';
import {
  type Bench,
  type BenchOptions,
  interleave,
  median,
  medianRatio,
  perSecond,
  type Row,
  rounded,
} from './rounds.ts';

const LANES = 8;
/** Turns are short and many: what else the machine does then falls on all contenders alike. */
const ROUNDS = { full: 21, quick: 7 };
const ROUND_MS = { full: 1_500, quick: 1_000 };
/** Until the program's own code is compiled. */
const WARM_UP_MS = { full: 4_000, quick: 2_000 };
const STEP_LIMIT_MS = 20_000;
const WAIT_SECONDS = 20;
const TASK = 'read-orders';

export const grantBench: Bench = {
  measures: 'pairs of grant and revocation a second, against the same statements on a plain pool',
  run: benchGrant,
};

async function benchGrant({ quick, say }: BenchOptions): Promise<Row[]> {
  say('Starting Sallyport with its demo …');
  await using sallyport = await startSallyport();
  const url = sallyport.adminUrl();
  const connector = openConnector(new URL(url), null);
  const pool = plainPool(url, LANES);
  const api = openApi(sallyport);
  try {
    const recorded = await recordPair(url);
    say(`A pair is ${recorded.grant.length} + ${recorded.revoke.length} trips to the target.`);
    const contenders = {
      floor: () => replay(pool, recorded, newLogin(), newId('grant')),
      connector: () => connectorPair(connector),
      'whole path': () => wholePath(api),
    };
    for (const act of Object.values(contenders))
      await perSecond(LANES, quick ? WARM_UP_MS.quick : WARM_UP_MS.full, act);
    const forMs = quick ? ROUND_MS.quick : ROUND_MS.full;
    const results = await interleave(
      {
        floor: () => perSecond(LANES, forMs, contenders.floor),
        connector: () => perSecond(LANES, forMs, contenders.connector),
        'whole path': () => perSecond(LANES, forMs, contenders['whole path']),
      },
      quick ? ROUNDS.quick : ROUNDS.full,
      (name, value) => say(`  ${name.padEnd(12)} ${value.toFixed(0)} pairs/s`),
    );
    await mustBeEmpty(url);
    const ratio = (name: keyof typeof results) => rounded(medianRatio(results[name], results.floor));
    const pairs = (name: keyof typeof results): Row => ({
      name: `${name} pairs per s`,
      value: rounded(median(results[name])),
      unit: '1/s',
      goal: null,
      better: 'higher',
    });
    return [
      { name: 'connector / floor', value: ratio('connector'), unit: 'ratio', goal: 0.8, better: 'higher' },
      { name: 'whole path / floor', value: ratio('whole path'), unit: 'ratio', goal: 0.4, better: 'higher' },
      pairs('floor'),
      pairs('connector'),
      pairs('whole path'),
    ];
  } finally {
    api.close();
    await pool.end();
    await connector.close();
  }
}

const newLogin = () => `sp_${randomBytes(13).toString('hex')}`;

/** `port`: of a recorder before the target; null for the target itself. */
function openConnector(url: URL, port: number | null): OpenTarget {
  return createRegistry()
    .kind('postgres')
    .open({
      id: newId('target'),
      name: 'bench',
      settings: {
        host: url.hostname,
        port: port ?? Number(url.port),
        database: url.pathname.slice(1),
        tls: 'off',
      },
      admin: { user: url.username, password: new Secret(decodeURIComponent(url.password)) },
      // Another installation than the program's, which leaves our logins alone.
      mark: { installation: `bench-${process.pid}`, epoch: 1 },
      dial: dialDirect,
    });
}

const taskId = newId('task');

function newPlan(): GrantPlan<unknown> {
  const grantId = newId('grant');
  const login = newLogin();
  return {
    grantId,
    login,
    handle: { login, grantId },
    password: new Secret(randomBytes(32).toString('base64url')),
    taskId,
    entitlement: DEMO_TASKS.find((task) => task.name === TASK)?.entitlement,
    nativeExpirySeconds: 900,
    label: `bench ${grantId}`,
  };
}

async function connectorPair(target: OpenTarget): Promise<void> {
  const signal = AbortSignal.timeout(STEP_LIMIT_MS);
  const { handle } = await target.grant(newPlan(), signal);
  const report = await target.revoke(handle, signal);
  if (report.observed !== 'absent')
    throw new Error(`A revocation ended ${report.observed}: ${report.blockers.join('; ')}`);
}

/** What one pair looks like once the task's role is there (which is made once for a task, not for each grant). */
async function recordPair(url: string): Promise<RecordedPair> {
  const recorder = await startRecorder(Number(new URL(url).port));
  const target = openConnector(new URL(url), recorder.port);
  try {
    await connectorPair(target);
    recorder.forget();
    const plan = newPlan();
    const signal = AbortSignal.timeout(STEP_LIMIT_MS);
    const { handle } = await target.grant(plan, signal);
    const grant = recorder.take();
    await target.revoke(handle, signal);
    const revoke = recorder.take();
    return { grant, revoke, login: plan.login, grantId: plan.grantId, oid: z.number().parse(handle.oid) };
  } finally {
    await target.close();
    await recorder.close();
  }
}

interface Api {
  post(path: string, body: unknown): Promise<unknown>;
  close(): void;
}

/** Connections are kept, as every client of an API does; `fetch` would cost the program half a core of the two. */
function openApi(sallyport: Sallyport): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const { hostname, port } = new URL(sallyport.server());
  const authorization = `Bearer ${sallyport.token('engineer')}`;
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const text = JSON.stringify(body);
        const headers = {
          authorization,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        };
        const asked = request({ agent, hostname, port, path, method: 'POST', headers }, (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.once('error', reject);
          answer.once('end', () => {
            const said = Buffer.concat(chunks).toString();
            if ((answer.statusCode ?? 500) < 300) resolve(JSON.parse(said));
            else reject(new Error(`POST ${path} answered ${answer.statusCode}: ${said}`));
          });
        });
        asked.once('error', reject);
        asked.end(text);
      }),
    close: () => agent.destroy(),
  };
}

const asked = z.object({ grant: z.object({ id: z.string(), state: z.literal('active') }) });
const returned = z.object({ state: z.literal('revoked'), absentAt: z.string() });

async function wholePath(api: Api): Promise<void> {
  const { grant } = asked.parse(
    await api.post(`/api/requests?wait=${WAIT_SECONDS}`, {
      target: DEMO_TARGET,
      task: TASK,
      duration: '10m',
      reason: 'measure how fast a privilege comes and goes',
    }),
  );
  returned.parse(await api.post(`/api/grants/${grant.id}/done?wait=${WAIT_SECONDS}`, {}));
}

/** What was said to be gone is gone: no login of a grant is left, by the target's own word. */
async function mustBeEmpty(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select rolname from pg_roles where rolname like 'sp\\_%' and rolcanlogin",
    );
    if (rows.length > 0) throw new Error(`${rows.length} logins are left on the target.`);
  } finally {
    await client.end();
  }
}
