// A PostgreSQL server as a target for the connector's tests: an application's database with an owner, a second
// database that grants have no business in, and an administrator of ours that is no superuser and has only what
// `target check` printed.

import pg from 'pg';
import { Secret } from '../../src/base/secret.ts';
import type { Mark, TargetAccess } from '../../src/connectors/contract.ts';
import { entitlement } from '../../src/connectors/kinds/postgres/entitlement.ts';
import { postgres } from '../../src/connectors/kinds/postgres/postgres.ts';
import { requiredRolesSql } from '../../src/connectors/kinds/postgres/required-rights.ts';
import type { TargetSettings } from '../../src/connectors/kinds/postgres/settings.ts';
import { dialDirect } from '../../src/targets/dial.ts';
import { startPostgres, startStandby, type TestPostgres } from './postgres.ts';

export const MARK: Mark = { installation: 'ins_test', epoch: 2 };
const ADMIN = 'sallyport_admin';
const ADMIN_PASSWORD = 'admin-password-of-the-test';

export const TASKS = {
  read: entitlement.parse({ tables: [{ name: 'public.orders', privileges: ['SELECT'] }], readOnly: true }),
  fix: entitlement.parse({
    tables: [
      { name: 'public.orders', privileges: ['SELECT', 'INSERT'] },
      { name: 'public.orders', privileges: ['UPDATE'], columns: ['status', 'note'] },
      { name: 'billing.invoices', privileges: ['SELECT'], columns: ['id', 'total'] },
    ],
    functions: ['billing.refund(integer)'],
    statementTimeoutSeconds: 30,
  }),
  make: entitlement.parse({
    createIn: ['work'],
    tables: [{ name: 'public.orders', privileges: ['SELECT'] }],
  }),
  own: entitlement.parse({ actAs: 'app_owner' }),
};

export interface PostgresTarget {
  server: TestPostgres;
  /** Named as nodes of the target. */
  standbys: TestPostgres[];
  access: TargetAccess<TargetSettings>;
  /** Superuser, in the application's database. */
  superuser: pg.Client;
  /** A login to the application's database, or another. Errors that come later are swallowed: sessions get cut. */
  logIn(login: string, password: Secret, more?: pg.ClientConfig): Promise<pg.Client>;
  /** Superuser, in another database. */
  open(database: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

const SCHEMA = `
  CREATE ROLE app_owner NOLOGIN;
  CREATE ROLE dba LOGIN CREATEROLE PASSWORD 'dba';
  GRANT app_owner TO dba;
`;
const APPLICATION = `
  GRANT CREATE ON DATABASE app TO app_owner;
  GRANT CREATE ON SCHEMA public TO app_owner;
  SET ROLE app_owner;
  CREATE SCHEMA billing; CREATE SCHEMA work;
  CREATE TABLE public.orders (id serial PRIMARY KEY, customer text, status text, note text);
  INSERT INTO public.orders (customer, status) SELECT 'c' || n, 'new' FROM generate_series(1, 2000) n;
  CREATE TABLE public.customers (id int PRIMARY KEY, email text);
  CREATE TABLE billing.invoices (id int PRIMARY KEY, total int, iban text);
  INSERT INTO billing.invoices VALUES (1, 10, 'DE00');
  CREATE FUNCTION billing.refund(n int) RETURNS int LANGUAGE sql AS 'SELECT n';
  REVOKE EXECUTE ON FUNCTION billing.refund FROM PUBLIC;
  RESET ROLE;
`;

/** `admin: 'least'` has only what is printed, `'superuser'` is the server's own. */
export async function startPostgresTarget(
  version: 15 | 18,
  admin: 'least' | 'superuser' = 'least',
  standbyCount = 0,
): Promise<PostgresTarget> {
  const server = await startPostgres({ version });
  const standbys: TestPostgres[] = [];
  for (let i = 0; i < standbyCount; i += 1) standbys.push(await startStandby(server, { version }));
  const root = await connected(new pg.Client(server.adminUrl));
  await root.query(SCHEMA);
  await root.query('CREATE DATABASE app');
  await root.query('CREATE DATABASE other');
  for (const name of ['postgres', 'other', 'template1'])
    await root.query(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
  await root.end();
  const superuser = await connected(new pg.Client(server.url('app')));
  await superuser.query(APPLICATION);
  const url = new URL(server.adminUrl);
  const settings: TargetSettings = { host: '127.0.0.1', port: server.port, database: 'app', tls: 'prefer' };
  if (standbyCount > 0) settings.nodes = standbys.map(({ port }) => ({ host: '127.0.0.1', port }));
  const access: TargetAccess<TargetSettings> = {
    id: 'tgt_test',
    name: 'orders-db',
    settings,
    admin: { user: 'postgres', password: new Secret(decodeURIComponent(url.password)) },
    mark: MARK,
    dial: dialDirect,
  };
  if (admin === 'least') {
    await superuser.query(`CREATE ROLE ${ADMIN} LOGIN PASSWORD '${ADMIN_PASSWORD}'`);
    await superuser.query(requiredRolesSql(ADMIN).join('\n'));
    access.admin = { user: ADMIN, password: new Secret(ADMIN_PASSWORD) };
    await runPrintedSql(access, superuser);
  }
  return {
    server,
    standbys,
    access,
    superuser,
    async logIn(user, password, more = {}) {
      const options = { host: '127.0.0.1', port: server.port, database: 'app', ...more };
      return connected(new pg.Client({ ...options, user, password: password.reveal() }));
    },
    open: (database) => connected(new pg.Client(server.url(database))),
    async stop() {
      await superuser.end();
      for (const one of [...standbys, server]) await one.stop();
    },
  };
}

/** What an administrator does who follows `target check`. */
async function runPrintedSql(access: TargetAccess<TargetSettings>, superuser: pg.Client): Promise<void> {
  const client = postgres.connect(access);
  try {
    const items = await postgres.check(client, AbortSignal.timeout(20_000), Object.values(TASKS));
    for (const item of items) {
      if (item.name === 'task-rights' && item.fix !== undefined) await superuser.query(item.fix);
    }
  } finally {
    await postgres.disconnect(client);
  }
}

async function connected(client: pg.Client): Promise<pg.Client> {
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
