// The stage of the gateway bench: the real program in its own process, and one target with pgbench's tables on a server
// of its own, with a task and a policy that let the demo's engineer in.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import { grant, issuedCredential } from '../src/api/grants.ts';
import { submitted } from '../src/api/requests.ts';
import { startPostgres, type TestPostgres } from '../test/harness/postgres.ts';
import {
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../test/harness/sallyport.ts';
import { run } from './pgbench.ts';

const DATABASE = 'bench';
const DIRECT_USER = 'bench_direct';
const TASK = 'run-pgbench';
/** The same rights; policy masks what is labelled. */
const MASKED_TASK = 'run-pgbench-masked';
export const MASKED_COLUMN = 'public.pgbench_accounts.filler';
const SEGMENT = 'bench';
/** An installation's own settings where they matter to what is measured; room for a thousand sessions. */
const SERVER_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '256MB',
  max_connections: '1300',
};

const POLICY = `
@id("bench")
@description("Engineers run pgbench.")
@owner("bench")
@maxDuration("8h")
@record("required")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"${SEGMENT}"
)
when { context.task == Task::"${TASK}" };

@id("bench-masked")
@description("Engineers run pgbench and see no personal data.")
@owner("bench")
@maxDuration("8h")
@record("required")
@mask("pii")
permit (
  principal in Group::"engineering",
  action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"${SEGMENT}"
)
when { context.task == Task::"${MASKED_TASK}" };
`;

export interface BenchWorld extends AsyncDisposable {
  sallyport: Sallyport;
  /** A plain login on the target, with the rights of the task. */
  direct: URL;
  /** A fresh grant and a secret for it: what to log in to the gateway with. */
  throughGateway(): Promise<URL>;
  /** The same under the task whose policy masks `MASKED_COLUMN`. */
  throughMask(): Promise<URL>;
}

/** `env` is added to the program's environment. */
export async function startBenchWorld(
  pgbench: string,
  scale: number,
  env: Record<string, string> = {},
): Promise<BenchWorld> {
  const target = await startPostgres({ version: 18, settings: SERVER_SETTINGS });
  let sallyport: Sallyport | null = null;
  const stop = async () => {
    await sallyport?.[Symbol.asyncDispose]();
    await target.stop();
  };
  try {
    const direct = await fill(target, pgbench, scale);
    sallyport = await startSallyport(env);
    await protect(sallyport, target);
    const running = sallyport;
    return {
      sallyport,
      direct,
      throughGateway: () => credential(running, TASK),
      throughMask: () => credential(running, MASKED_TASK),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fill(target: TestPostgres, pgbench: string, scale: number): Promise<URL> {
  const password = randomBytes(18).toString('base64url');
  await ask(target.adminUrl, `create database ${DATABASE}`);
  await run(pgbench, ['-i', '-q', '-s', String(scale), target.url(DATABASE)]);
  await ask(
    target.url(DATABASE),
    `create role ${DIRECT_USER} login password '${password}';
     grant select, insert, update on ${TABLES.join(', ')} to ${DIRECT_USER}`,
  );
  await ask(target.url(DATABASE), 'vacuum analyze');
  const url = new URL(target.url(DATABASE));
  url.username = DIRECT_USER;
  url.password = password;
  return withoutTls(url);
}

const TABLES = ['accounts', 'branches', 'tellers', 'history'].map((name) => `public.pgbench_${name}`);

async function ask(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** What an administrator would do: the target, its task, the policy. */
async function protect(sallyport: Sallyport, target: TestPostgres): Promise<void> {
  const admin = new URL(target.adminUrl);
  await sallyport.ask('admin', 'POST', '/api/targets', anything, {
    name: 'bench-db',
    kind: 'postgres',
    segment: SEGMENT,
    environment: 'bench',
    settings: { host: admin.hostname, port: Number(admin.port), database: DATABASE, tls: 'off' },
    admin: { user: admin.username, password: decodeURIComponent(admin.password) },
  });
  for (const name of [TASK, MASKED_TASK])
    await sallyport.ask('admin', 'POST', '/api/tasks', anything, {
      name,
      kind: 'postgres',
      description: 'What pgbench does.',
      segment: SEGMENT,
      entitlement: {
        schemas: ['public'],
        tables: TABLES.map((table) => ({ name: table, privileges: ['SELECT', 'INSERT', 'UPDATE'] })),
      },
    });
  await sallyport.ask('admin', 'POST', '/api/targets/bench-db/labels', anything, {
    labels: [{ column: MASKED_COLUMN, label: 'pii' }],
  });
  await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'bench.cedar': POLICY });
}

const anything = z.unknown();

async function credential(sallyport: Sallyport, task: string): Promise<URL> {
  const asked = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'bench-db',
    task,
    duration: '1h',
    reason: 'measure the gateway',
  });
  const active = grant.extend({ state: z.literal('active') }).parse(asked.grant);
  const issued = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${active.id}/credentials`,
    issuedCredential,
    {},
  );
  return withoutTls(new URL(issued.dsn));
}

/** On this machine nobody speaks TLS with any contender; a client would otherwise do so with the one that offers it. */
function withoutTls(url: URL): URL {
  url.searchParams.set('sslmode', 'disable');
  return url;
}
