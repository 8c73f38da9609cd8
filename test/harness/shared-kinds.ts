// Two kinds of target whose grants share identities: a directory in this process, which a test can slow down, fail and
// look into; and PostgreSQL as such a target, with logins that are the target's own and get memberships.

import pg from 'pg';
import { z } from 'zod';
import { Failure } from '../../src/base/errors.ts';
import {
  type Connector,
  defineConnector,
  type Handle,
  type SharedPart,
} from '../../src/connectors/contract.ts';

const entitlement = z.strictObject({ member: z.string(), group: z.string() });
type Entitlement = z.infer<typeof entitlement>;
const settings = z.strictObject({ host: z.string().default('127.0.0.1'), port: z.number().default(1) });
type Settings = z.infer<typeof settings>;

/** All that is no part of sharing: such a kind makes no identity of its own, so there is nothing to make or to end. */
function sharingKind<Client>(
  kind: string,
  connect: (target: Settings & { user: string; password: string }) => Client,
  disconnect: (client: Client) => Promise<void>,
  shared: SharedPart<Entitlement, Client>,
): Connector<Settings, Entitlement, Client> {
  const there = async (_: Client, handle: Handle) => ({ observed: 'absent' as const, handle });
  return defineConnector({
    kind,
    target: settings,
    entitlement,
    capabilities: {
      endsSessions: false,
      nativeExpiry: false,
      revocableCredential: true,
      smallestDurationSeconds: 1,
      promise: 'Takes the membership away.',
    },
    endpoint: ({ host, port }) => ({ host, port, database: '', tls: 'off' }),
    nodeNames: () => [],
    rights: ({ group }) => [{ verb: 'belong', object: group, words: `belong to ${group}` }],
    session: () => ({ database: null, guard: { allow: [], lists: null, requireWhere: false } }),
    connect: ({ settings: { host, port }, admin }) =>
      connect({ host, port, user: admin.user, password: admin.password.reveal() }),
    disconnect,
    grant: async (_, plan) => ({ observed: 'present', handle: plan.handle }),
    revoke: async (client, handle) => ({
      ...(await there(client, handle)),
      sessionsEnded: 0,
      blockers: [],
      leftBehind: [],
    }),
    inspect: there,
    renew: async () => undefined,
    sweep: async () => [],
    altered: async () => [],
    nodes: async () => [{ node: kind, role: 'primary', error: null, code: null, clockSkewSeconds: 0 }],
    marked: async () => [],
    inventory: async () => [],
    check: async () => [],
    shared,
  });
}

export interface Directory {
  /** `member:group`, as it is now. */
  members: Set<string>;
  /** What was asked of it, in order: `put member:group`, `take member:group`. */
  calls: string[];
  /** Runs at each change, before it takes effect; a test waits, fails or looks in it. */
  before: (act: 'put' | 'take', key: string) => Promise<void>;
}

export function directoryKind(): {
  connector: ReturnType<typeof sharingKind<Directory>>;
  directory: Directory;
} {
  const directory: Directory = { members: new Set(), calls: [], before: async () => undefined };
  const change = async (act: 'put' | 'take', key: string, signal: AbortSignal) => {
    directory.calls.push(`${act} ${key}`);
    await directory.before(act, key);
    if (signal.aborted) throw new Failure('timeout', 'target-aborted', 'The wait was given up.');
    if (act === 'put') directory.members.add(key);
    else directory.members.delete(key);
  };
  const connector = sharingKind<Directory>(
    'directory',
    () => directory,
    async () => undefined,
    {
      keys: ({ entitlement: { member, group } }) => [`${member}:${group}`],
      put: (_, key, signal) => change('put', key, signal),
      take: (_, key, signal) => change('take', key, signal),
      held: async (_, key) => directory.members.has(key),
    },
  );
  return { connector, directory };
}

const quoted = (key: string) => key.split(':').map((name) => pg.escapeIdentifier(name)) as [string, string];

export function membershipKind() {
  return sharingKind<pg.Pool>(
    'postgres-membership',
    ({ host, port, user, password }) => {
      const pool = new pg.Pool({ host, port, user, password, database: 'postgres', max: 4 });
      pool.on('error', () => undefined);
      return pool;
    },
    (pool) => pool.end(),
    {
      keys: ({ entitlement: { member, group } }) => [`${member}:${group}`],
      async put(pool, key) {
        const [member, group] = quoted(key);
        await pool.query(`GRANT ${group} TO ${member}`);
      },
      async take(pool, key) {
        const [member, group] = quoted(key);
        await pool.query(`REVOKE ${group} FROM ${member}`);
      },
      async held(pool, key) {
        const { rowCount } = await pool.query(
          `SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
           WHERE u.rolname || ':' || g.rolname = $1`,
          [key],
        );
        return (rowCount ?? 0) > 0;
      },
    },
  );
}
