// A gateway with everything real around it but policy: a store with its migrations, sessions with recordings, a
// target with a table and a login, and an admission that lives in the test and hands out what the test says.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Failure } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { createLog } from '../../src/base/log.ts';
import { SCRAM_ITERATIONS, scramKeys } from '../../src/base/scram.ts';
import { Secret } from '../../src/base/secret.ts';
import { monotonicMs } from '../../src/base/timer.ts';
import { type Db, openStore } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createEvents } from '../../src/events/events.ts';
import { createGateway, type Gateway, type GatewayContext } from '../../src/gateway/gateway.ts';
import type { LiveVerdict, SessionAdmission, SessionTicket } from '../../src/grants/session-ticket.ts';
import { createStatementDesk } from '../../src/grants/statement-desk.ts';
import { compilePolicies } from '../../src/policy/engine/compile.ts';
import { createSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

/** A grant as the test's admission knows it. */
/** What the store keeps of a grant's secret. */
export interface Verifier {
  salt: Buffer;
  stored: Buffer;
  server: Buffer;
}

/** As the product answers: an unknown login looks like one of ours. */
export function challengeOf(login: string, grant: (Verifier & { id: string }) | undefined) {
  return {
    salt: grant?.salt ?? Buffer.alloc(16, login),
    iterations: SCRAM_ITERATIONS,
    candidates:
      grant === undefined
        ? []
        : [{ credentialId: grant.id, storedKey: grant.stored, serverKey: grant.server }],
  };
}

export interface WorldGrant {
  id: string;
  login: string;
  secret: string;
  /** The login's own on the target: to go around the gateway. */
  password: string;
  /** Monotonic ms. */
  endsAt: number;
  over: boolean;
  landingMs: number;
  guard: SessionTicket['guard'];
  mask: SessionTicket['mask'];
  budget: SessionTicket['budget'];
  approve: SessionTicket['approveStatements'];
  literals: SessionTicket['literals'];
}

export interface World {
  target: TestPostgres;
  store: TestPostgres;
  db: Db;
  gateway: Gateway;
  sessions: Sessions;
  dataFolder: string;
  /** An administrator's connection to the target. */
  admin: pg.Client;
  /** A fresh login on the target with `rights`, and a grant for it. */
  grant(options?: {
    forMs?: number;
    landingMs?: number;
    guard?: Partial<SessionTicket['guard']>;
    mask?: SessionTicket['mask'];
    budget?: SessionTicket['budget'];
    approve?: SessionTicket['approveStatements'];
    literals?: SessionTicket['literals'];
    rights?: string[];
  }): Promise<WorldGrant>;
  url(grant: WorldGrant, options?: { secret?: string; database?: string; query?: string }): string;
  /** As grants do when they end one. */
  endGrant(grant: WorldGrant, reason: string): void;
  endSession(sessionId: string, reason: string): void;
  /** Another gateway on the same store and grants, with other options. */
  another(options: Partial<GatewayContext>): Promise<Gateway>;
  /** The store cannot be asked while this is true. */
  storeAway: boolean;
  /** Where sessions go; null: the target. */
  dialPort: number | null;
  stop(): Promise<void>;
}

const DATABASE = 'orders';

export async function startWorld(options: {
  version: 15 | 18;
  gateway?: Partial<GatewayContext>;
}): Promise<World> {
  const [target, store] = await Promise.all([
    startPostgres({ version: options.version }),
    startPostgres({ version: 18 }),
  ]);
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-gateway-'));
  const log = createLog(process.env.SALLY_TEST_LOG ?? 'silent');
  const db = openStore({ connectionString: store.adminUrl, poolSize: 8, onError: () => undefined });
  await migrate(db);
  const maker = new pg.Client({ connectionString: target.adminUrl });
  await maker.connect();
  await maker.query(`create database ${DATABASE}`);
  await maker.end();
  const admin = new pg.Client({ connectionString: target.url(DATABASE) });
  admin.on('error', () => undefined);
  await admin.connect();
  await admin.query(`create table orders (id bigserial primary key, note text);
    insert into orders (note) select 'order ' || n from generate_series(1, 1000) n`);
  const facts = await storeFacts(db);

  const grants = new Map<string, WorldGrant & Verifier>();
  const grantHandlers = new Set<(grantId: string, reason: string) => void>();
  const sessionHandlers = new Set<(sessionId: string, reason: string) => void>();
  const state: { storeAway: boolean; dialPort: number | null } = { storeAway: false, dialPort: null };

  const admission: SessionAdmission = {
    async challenge(login) {
      return challengeOf(login, grants.get(login));
    },
    async open(input) {
      if (state.storeAway) throw new Error('the store is away');
      const grant = grants.get(input.login);
      if (grant === undefined) throw new Failure('denied', 'unknown-grant', 'There is no such grant.');
      if (input.database !== DATABASE) {
        throw new Failure('denied', 'wrong-database', `This grant is for the database "${DATABASE}" only.`);
      }
      if (grant.over || grant.endsAt <= monotonicMs())
        throw new Failure('denied', 'expired', 'This grant has expired.');
      const sessionId = newId('session');
      await db
        .insertInto('sessions')
        .values({
          id: sessionId,
          grant_id: grant.id,
          principal_id: facts.principalId,
          target_id: facts.targetId,
          task_id: facts.taskId,
          gateway: input.gateway,
          client_address: input.clientAddress,
          application: input.application,
          controls: JSON.stringify(
            grant.approve === null
              ? {}
              : { approveStatements: { kinds: grant.approve, by: [{ count: 1, from: 'Group::"dba"' }] } },
          ),
        })
        .execute();
      return {
        sessionId,
        grantId: grant.id,
        principal: { id: facts.principalId, name: 'engineer' },
        target: 'orders-db',
        targetId: facts.targetId,
        task: 'read-orders',
        database: DATABASE,
        remainingMs: grant.endsAt - monotonicMs(),
        storeGraceMs: 180_000,
        expiresAtMs: grant.endsAt,
        landingMs: grant.landingMs,
        guard: grant.guard,
        mask: grant.mask,
        host: null,
        budget: grant.budget,
        approveStatements: grant.approve,
        literals: grant.literals,
        label: `engineer ${grant.id}`,
        upstream: {
          user: grant.login,
          password: new Secret(grant.password),
          database: DATABASE,
          tls: 'prefer',
          host: '127.0.0.1',
          dial: () => dial(state.dialPort ?? target.port),
        },
      };
    },
    refused: async () => undefined,
    async liveVerdicts(ids) {
      if (state.storeAway) throw new Error('the store is away');
      const verdicts = new Map<string, LiveVerdict>();
      for (const grant of grants.values()) {
        if (!ids.includes(grant.id)) continue;
        const remainingMs = grant.endsAt - monotonicMs();
        verdicts.set(
          grant.id,
          grant.over || remainingMs + grant.landingMs <= 0
            ? 'over'
            : { remainingMs, expiresAtMs: grant.endsAt },
        );
      }
      return verdicts;
    },
  };

  const events = createEvents({ connectionString: store.adminUrl, log, db });
  await events.start();
  const sessions = createSessions({
    db,
    log,
    dataFolder,
    gatewayName: 'gateway-test',
    admission,
    events: {
      onGrantEnding: (handler) => subscribe(grantHandlers, handler),
      onSessionEnd: (handler) => subscribe(sessionHandlers, handler),
    },
  });
  await sessions.start();
  // Nobody may approve anything: the test itself decides, in the store.
  const compiled = compilePolicies({ 'world.cedar': '' });
  const policies = {
    current: () => compiled,
    isStarter: async () => false,
    files: () => ({}),
    refresh: async () => undefined,
  };
  const gateways: Gateway[] = [];
  const another = async (more: Partial<GatewayContext>) => {
    const gateway = createGateway({
      admission,
      sessions,
      desk: createStatementDesk({ db, events, log, policies, publicUrl: () => 'http://portal.test' }),
      log,
      host: '127.0.0.1',
      port: 0,
      dataFolder,
      ...more,
    });
    await gateway.start();
    gateways.push(gateway);
    return gateway;
  };
  const gateway = await another(options.gateway ?? {});

  return {
    target,
    store,
    db,
    gateway,
    sessions,
    dataFolder,
    admin,
    another,
    async grant(wanted = {}) {
      const id = newId('grant');
      const login = `sp_${randomBytes(8).toString('hex')}`;
      const password = randomBytes(18).toString('base64url');
      const secret = randomBytes(18).toString('base64url');
      await admin.query(`create role ${login} login password '${password}'`);
      for (const right of wanted.rights ?? [
        'grant select, insert on orders to $',
        'grant usage on orders_id_seq to $',
      ]) {
        await admin.query(right.replaceAll('$', login));
      }
      await storeGrant(db, facts, id, login);
      const keys = await scramKeys(secret);
      const grant = {
        id,
        login,
        secret,
        password,
        salt: keys.salt,
        stored: keys.storedKey,
        server: keys.serverKey,
        endsAt: monotonicMs() + (wanted.forMs ?? 3_600_000),
        over: false,
        landingMs: wanted.landingMs ?? 0,
        guard: { allow: [], lists: null, requireWhere: false, ...wanted.guard },
        mask: wanted.mask ?? null,
        budget: wanted.budget ?? null,
        approve: wanted.approve ?? null,
        literals: wanted.literals ?? null,
      };
      grants.set(login, grant);
      return grant;
    },
    url: (grant, more = {}) =>
      `postgres://${grant.login}:${more.secret ?? grant.secret}@127.0.0.1:${gateway.port}/${more.database ?? DATABASE}${more.query ?? ''}`,
    endGrant(grant, reason) {
      grant.over = true;
      for (const handler of grantHandlers) handler(grant.id, reason);
    },
    endSession(sessionId, reason) {
      for (const handler of sessionHandlers) handler(sessionId, reason);
    },
    get storeAway() {
      return state.storeAway;
    },
    set storeAway(away) {
      state.storeAway = away;
    },
    get dialPort() {
      return state.dialPort;
    },
    set dialPort(port) {
      state.dialPort = port;
    },
    async stop() {
      for (const one of gateways) await one.stop('The test is over.');
      await sessions.stop();
      await events.stop();
      await admin.end();
      await db.destroy();
      await Promise.all([target.stop(), store.stop()]);
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

function subscribe<H>(handlers: Set<H>, handler: H): () => void {
  handlers.add(handler);
  return () => void handlers.delete(handler);
}

export function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('error', reject).once('connect', () => resolve(socket));
  });
}

export interface StoreFacts {
  principalId: string;
  targetId: string;
  taskId: string;
}

export async function storeFacts(db: Db): Promise<StoreFacts> {
  const facts = { principalId: newId('principal'), targetId: newId('target'), taskId: newId('task') };
  await db.insertInto('segments').values({ path: 'prod', parent: null }).execute();
  await db
    .insertInto('principals')
    .values({ id: facts.principalId, kind: 'person', name: 'engineer', display_name: 'Engineer' })
    .execute();
  await db
    .insertInto('targets')
    .values({
      id: facts.targetId,
      name: 'orders-db',
      kind: 'postgres',
      segment: 'prod',
      environment: 'prod',
      settings: '{}',
      credential: Buffer.from('sealed'),
    })
    .execute();
  await db
    .insertInto('tasks')
    .values({
      id: facts.taskId,
      name: 'read-orders',
      kind: 'postgres',
      description: 'Read orders',
      entitlement: '{}',
    })
    .execute();
  return facts;
}

export async function storeGrant(db: Db, facts: StoreFacts, id: string, login: string): Promise<void> {
  const requestId = newId('request');
  await db
    .insertInto('requests')
    .values({
      id: requestId,
      requester_id: facts.principalId,
      target_id: facts.targetId,
      task_id: facts.taskId,
      duration_s: 3600,
      reason: 'a test',
      ticket: null,
      source_address: '127.0.0.1',
      digest: 'none',
      state: 'approved',
      outcome: 'allow',
      reasons: '[]',
      obligations: '{}',
      expires_at: new Date(Date.now() + 3_600_000),
    })
    .execute();
  await db
    .insertInto('grants')
    .values({
      id,
      request_id: requestId,
      principal_id: facts.principalId,
      target_id: facts.targetId,
      task_id: facts.taskId,
      login,
      handle: '{}',
      duration_s: 3600,
    })
    .execute();
}
