// Two Sallyport processes, `left` and `right`, on one PostgreSQL that holds their store, with a target on the same
// server: an own installation with one administrator, who may read items at once.

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { pageOf } from '../../src/api/text.ts';
import { type MainProcess, runMain } from './main-process.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { type CliResult, runCli } from './sallyport.ts';

export interface One {
  name: string;
  data: string;
  process: MainProcess;
}

export interface Duo {
  folder: string;
  postgres: TestPostgres;
  storeUrl: string;
  a: One;
  b: One;
  masterKeyFile: string;
  token: string;
  /** A process of this installation, on a data folder that `env` names; `root`: of another version. */
  run(env: Record<string, string>, root?: string): MainProcess;
  /** After `kill` or a stop. */
  start(one: One, env?: Record<string, string>): Promise<void>;
  kill(one: One): Promise<void>;
  get(one: One, path: string): Promise<Response>;
  /** JSON of an answer that is a success. */
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows the shape, or parses it.
  ask(one: One, method: 'GET' | 'POST', path: string, body?: unknown): Promise<any>;
  submit(one: One, duration?: string): Promise<Grant | null>;
  /** An active grant on the target. */
  grant(one: One, duration?: string): Promise<Grant>;
  see(one: One, grantId: string): Promise<Grant>;
  liveGrants(one: One): Promise<Grant[]>;
  endAll(): Promise<void>;
  /** A session through that one's gateway. */
  connect(one: One, grantId: string, onNotice?: (text: string) => void): Promise<pg.Client>;
  /** A CancelRequest to that one's gateway. */
  cancel(one: One, processId: number, secret: number): Promise<void>;
  /** Requests and returns until it is stopped; gives the grants that were made. */
  churn(one: One): { stop(): Promise<string[]> };
  /** Logins of grants on the target. */
  logins(): Promise<string[]>;
  sql(text: string, database?: string): Promise<pg.QueryResult>;
  verify(one: One): Promise<CliResult>;
  cli(one: One, ...args: string[]): Promise<CliResult>;
  writeKey(file: string): void;
  writeLogKey(file: string): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const POLICY = `@id("read-items")
@description("Administrators read items at once.")
@owner("shop")
@maxDuration("1h")
@record("required")
permit (principal in Group::"administrators", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/shop");
`;

/** `alone`: only the left one; the right one is the same. `more` of the configuration, by its keys. */
export async function startDuo({
  alone = false,
  more = {},
}: {
  alone?: boolean;
  more?: Record<string, unknown>;
} = {}): Promise<Duo> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-duo-'));
  const postgres = await startPostgres({ version: 18 });
  const token = `sally_${randomBytes(32).toString('base64url')}`;
  const sql = async (text: string, database = 'store') => {
    const client = new pg.Client({ connectionString: postgres.url(database) });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  for (const database of ['store', 'shop']) await sql(`create database ${database}`, 'postgres');
  await sql('create table items as select n as id from generate_series(1, 100) n', 'shop');
  const config = join(folder, 'sallyport.yaml');
  const tokenHash = createHash('sha256').update(token).digest('hex');
  writeFileSync(
    config,
    `installation: {name: duo}\nfirstAdministrator: {name: ada, displayName: Ada, tokenHash: ${tokenHash}}\n${Object.entries(
      more,
    )
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join('')}`,
  );
  const storeUrl = postgres.url('store');
  const masterKeyFile = join(folder, 'left', 'keys', 'master.key');
  const shared = { SALLY_CONFIG: config, DATABASE_URL: storeUrl };
  const run = (more: Record<string, string>, root?: string) => runMain({ ...shared, ...more }, folder, root);
  const drain = { SALLY_DRAIN_SECONDS: '20' };
  const place = (name: string) => {
    const data = join(folder, name);
    mkdirSync(data, { mode: 0o700 });
    return { name, data };
  };
  const runOne = (one: { name: string; data: string }, more: Record<string, string> = {}) =>
    run({
      SALLY_DATA: one.data,
      SALLY_REPLICA: one.name,
      SALLY_MASTER_KEY_FILE: masterKeyFile,
      ...drain,
      ...more,
    });
  const left = place('left');
  const a: One = { ...left, process: runOne(left) };
  await a.process.ready();
  let b = a;
  if (!alone) {
    const right = place('right');
    b = { ...right, process: runOne(right) };
    await b.process.ready();
  }

  const ask = async (one: One, method: 'GET' | 'POST', path: string, body?: unknown) => {
    const response = await fetch(`${one.process.server()}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const cli = (one: One, ...args: string[]) =>
    runCli([...args, '--json', '--no-input'], {
      SALLY_SERVER: one.process.server(),
      SALLY_TOKEN: token,
      HOME: folder,
    });

  const duo: Duo = {
    folder,
    postgres,
    storeUrl,
    a,
    b,
    masterKeyFile,
    token,
    run,
    async start(one, more = {}) {
      one.process = runOne(one, more);
      await one.process.ready();
    },
    async kill(one) {
      one.process.kill('SIGKILL');
      await one.process.ended;
    },
    get: (one, path) => fetch(`${one.process.server()}${path}`),
    ask,
    async submit(one, duration = '10m') {
      const body = { target: 'shop', task: 'read-items', duration, reason: 'a test of replicas' };
      return submitted.parse(await ask(one, 'POST', '/api/requests?wait=20', body)).grant;
    },
    async grant(one, duration) {
      const made = await duo.submit(one, duration);
      if (made?.state !== 'active') throw new Error(`not active: ${JSON.stringify(made)}`);
      return made;
    },
    see: async (one, id) => grantSchema.parse(await ask(one, 'GET', `/api/grants/${id}`)),
    async liveGrants(one) {
      const page = pageOf(grantSchema);
      return page.parse(await ask(one, 'GET', '/api/grants?state=live&limit=200')).items;
    },
    async endAll() {
      for (const one of await duo.liveGrants(a)) await ask(a, 'POST', `/api/grants/${one.id}/done`);
    },
    async connect(one, grantId, onNotice) {
      const { dsn } = await ask(one, 'POST', `/api/grants/${grantId}/credentials`);
      const client = new pg.Client({ connectionString: dsn });
      client.on('error', () => undefined);
      client.on('notice', (notice) => onNotice?.(notice.message ?? ''));
      await client.connect();
      return client;
    },
    cancel: (one, processId, secret) =>
      new Promise((resolve, reject) => {
        const socket = connect(one.process.gatewayPort(), '127.0.0.1', () => {
          const packet = Buffer.alloc(16);
          packet.writeInt32BE(16, 0);
          packet.writeInt32BE(80_877_102, 4);
          packet.writeInt32BE(processId, 8);
          packet.writeInt32BE(secret, 12);
          socket.end(packet);
        });
        socket.resume();
        socket.once('close', () => resolve());
        socket.once('error', reject);
      }),
    churn(one) {
      const stopping = new AbortController();
      const made: string[] = [];
      const loop = async () => {
        while (!stopping.signal.aborted) {
          const grant = await duo.submit(one).catch(() => null);
          if (grant === null) continue;
          made.push(grant.id);
          if (made.length % 3 > 0) await ask(one, 'POST', `/api/grants/${grant.id}/done`).catch(() => null);
        }
      };
      const loops = [loop(), loop()];
      return {
        async stop() {
          stopping.abort();
          await Promise.all(loops);
          return made;
        },
      };
    },
    async logins() {
      const { rows } = await sql(
        "select rolname from pg_roles where rolname like 'sp\\_0%' order by 1",
        'shop',
      );
      return rows.map((row) => String(row.rolname));
    },
    sql,
    verify: (one) => cli(one, 'audit', 'verify'),
    cli,
    writeKey(file) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    },
    writeLogKey(file) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
      writeFileSync(file, pem, { mode: 0o600 });
    },
    async [Symbol.asyncDispose]() {
      for (const one of [a, b]) {
        one.process.kill('SIGTERM');
        one.process.kill('SIGTERM');
        await one.process[Symbol.asyncDispose]();
      }
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await furnish(duo);
  } catch (error) {
    await duo[Symbol.asyncDispose]();
    throw error;
  }
  return duo;
}

/** Target, task and policy. */
async function furnish(duo: Duo): Promise<void> {
  const url = new URL(duo.postgres.adminUrl);
  await duo.ask(duo.a, 'POST', '/api/targets', {
    name: 'shop',
    kind: 'postgres',
    segment: 'prod/shop',
    environment: 'prod',
    settings: { host: '127.0.0.1', port: duo.postgres.port, database: 'shop', tls: 'off' },
    admin: { user: 'postgres', password: decodeURIComponent(url.password) },
  });
  await duo.ask(duo.a, 'POST', '/api/tasks', {
    name: 'read-items',
    kind: 'postgres',
    description: 'Look at items.',
    segment: 'prod/shop',
    entitlement: { readOnly: true, tables: [{ name: 'public.items', privileges: ['SELECT'] }] },
  });
  const policies = join(duo.folder, 'policies');
  mkdirSync(policies);
  const { files } = await duo.ask(duo.a, 'GET', '/api/policy');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(policies, name), String(text));
  writeFileSync(join(policies, 'shop.cedar'), POLICY);
  const applied = await duo.cli(duo.a, 'policy', 'apply', policies, '--yes');
  if (applied.code !== 0) throw new Error(applied.stderr + applied.stdout);
  const { digest } = await duo.ask(duo.a, 'GET', '/api/policy');
  // The other process hears of it a moment later.
  while ((await duo.ask(duo.b, 'GET', '/api/policy')).digest !== digest)
    await new Promise((resolve) => setTimeout(resolve, 25));
}
