// An SSH gateway with everything real around it but policy: OpenSSH's sshd that trusts an authority and pins nothing
// else, a store with its migrations, sessions with recordings, and an admission that lives in the test.

import { type ChildProcess, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { createLog } from '../../src/base/log.ts';
import { scramKeys } from '../../src/base/scram.ts';
import { Secret } from '../../src/base/secret.ts';
import { monotonicMs, sleep } from '../../src/base/timer.ts';
import { type Db, openStore } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import {
  createSshGateway,
  type SshGateway,
  type SshGatewayContext,
} from '../../src/gateway/ssh/ssh-gateway.ts';
import type { HostTicket, SessionAdmission, SessionTicket } from '../../src/grants/session-ticket.ts';
import { createSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { signUserCertificate } from '../../src/ssh/certificate.ts';
import { newKeyPair, opensshPrivateKey, publicLine, type SshKeyPair } from '../../src/ssh/keys.ts';
import {
  challengeOf,
  dial,
  type StoreFacts,
  storeFacts,
  storeGrant,
  type Verifier,
} from './gateway-world.ts';
import { startPostgres } from './postgres.ts';

export interface HostGrant {
  id: string;
  login: string;
  secret: string;
  /** Monotonic ms. */
  endsAt: number;
  over: boolean;
  landingMs: number;
  allows: HostTicket['allows'];
  record: HostTicket['record'];
  budget: SessionTicket['budget'];
}

export interface Ran {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface SshWorld {
  gateway: SshGateway;
  sessions: Sessions;
  db: Db;
  dataFolder: string;
  /** Of the host itself, for a comparison without the gateway. */
  hostPort: number;
  folder: string;
  grant(
    options?: Partial<Omit<HostGrant, 'id' | 'login' | 'secret' | 'allows'>> & {
      forMs?: number;
      allows?: Partial<HostTicket['allows']>;
    },
  ): Promise<HostGrant>;
  /** Arguments for `ssh`, `sftp` or `scp` that lead to the gateway, which is pinned. */
  options(options?: { port?: number; known?: string }): string[];
  /** Runs `ssh`, `sftp` or `scp` with the grant's secret. */
  run(grant: HostGrant, words: string[], options?: { input?: string; secret?: string }): Promise<Ran>;
  start(grant: HostGrant, words: string[], options?: SpawnOptionsWithoutStdio): ChildProcess;
  /** The same with a certificate at the host itself. */
  direct: string[];
  endGrant(grant: HostGrant, reason: string): void;
  /** What the gateway believes to be the host's key; null: the right one. */
  pinned: string | null;
  /** Where sessions go; null: the host. */
  dialPort: number | null;
  stop(): Promise<void>;
}

interface WorldState {
  pinned: string | null;
  dialPort: number | null;
}

const EVERYTHING: HostTicket['allows'] = {
  ...{ shell: true, commands: [], sftp: true, forward: [], forceCommand: null },
};
const CERTIFICATE_SECONDS = 3_600;

export async function startSshWorld(options: Partial<SshGatewayContext> = {}): Promise<SshWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ssh-'));
  const dataFolder = options.dataFolder ?? join(folder, 'data');
  mkdirSync(dataFolder, { recursive: true });
  const [store, host] = await Promise.all([startPostgres({ version: 18 }), startSshd(folder)]);
  const log = createLog(process.env.SALLY_TEST_LOG ?? 'silent');
  const db = openStore({ connectionString: store.adminUrl, poolSize: 8, onError: () => undefined });
  await migrate(db);
  const facts = await storeFacts(db);
  const grants = new Map<string, HostGrant & Verifier>();
  const handlers = new Set<(grantId: string, reason: string) => void>();
  const state: WorldState = { pinned: null, dialPort: null };
  const admission = admissionOf({ grants, db, facts, host, state });
  const sessions = createSessions({
    ...{ db, log, dataFolder, gatewayName: 'ssh-gateway-test', admission },
    events: {
      onGrantEnding(handler) {
        handlers.add(handler);
        return () => void handlers.delete(handler);
      },
      onSessionEnd: () => () => undefined,
    },
  });
  await sessions.start();
  const gateway = createSshGateway({
    ...{ admission, sessions, log, host: '127.0.0.1', port: 0, dataFolder },
    ...options,
  });
  await gateway.start();
  const askpass = join(folder, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\nprintf "%s\\n" "$TEST_SECRET"\n', { mode: 0o700 });
  const known = (port: number, key: string) => {
    const path = join(folder, `known-${port}-${randomBytes(4).toString('hex')}`);
    writeFileSync(path, `[127.0.0.1]:${port} ${key}\n`);
    return path;
  };
  const optionsTo = (port: number, key: string) => [
    ...['-F', 'none', '-o', `UserKnownHostsFile=${known(port, key)}`, '-o', 'GlobalKnownHostsFile=none'],
    ...['-o', 'StrictHostKeyChecking=yes', '-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR'],
  ];
  const start: SshWorld['start'] = (grant, [program = 'ssh', ...words], more = {}) =>
    spawn(program, words, {
      ...more,
      env: {
        ...{ PATH: process.env.PATH, HOME: folder, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
        ...{ SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', TEST_SECRET: grant.secret },
        ...more.env,
      },
    });
  return {
    ...{ gateway, sessions, db, dataFolder, folder, hostPort: host.port, start },
    async grant(wanted = {}) {
      const id = newId('grant');
      const login = `sp_${randomBytes(8).toString('hex')}`;
      const secret = randomBytes(18).toString('base64url');
      const keys = await scramKeys(secret);
      const { allows, forMs, ...rest } = wanted;
      const grant = {
        ...{ id, login, secret, salt: keys.salt, stored: keys.storedKey, server: keys.serverKey },
        ...{
          endsAt: monotonicMs() + (forMs ?? 3_600_000),
          over: false,
          landingMs: 0,
          record: 'on' as const,
          budget: null,
        },
        ...{ ...rest, allows: { ...EVERYTHING, ...allows } },
      };
      host.allow(login);
      await storeGrant(db, facts, id, login);
      grants.set(login, grant);
      return grant;
    },
    options: (more = {}) => optionsTo(more.port ?? gateway.port, more.known ?? gateway.hostKey),
    run: (grant, words, more = {}) =>
      finished(
        start(more.secret === undefined ? grant : { ...grant, secret: more.secret }, words),
        more.input,
      ),
    get direct() {
      host.allow('direct');
      const pair = newKeyPair();
      const key = join(folder, 'direct-key');
      writeFileSync(key, opensshPrivateKey(pair, 'direct').reveal(), { mode: 0o600 });
      writeFileSync(`${key}-cert.pub`, `${host.certify(pair, 'direct')}\n`);
      return [
        ...optionsTo(host.port, host.key),
        ...['-i', key, '-p', String(host.port), `${host.user}@127.0.0.1`],
      ];
    },
    endGrant(grant, reason) {
      grant.over = true;
      for (const handler of handlers) handler(grant.id, reason);
    },
    get pinned() {
      return state.pinned;
    },
    set pinned(key) {
      state.pinned = key;
    },
    get dialPort() {
      return state.dialPort;
    },
    set dialPort(port) {
      state.dialPort = port;
    },
    async stop() {
      sessions.cutAll('The test is over.', 'the test is over');
      await gateway.stop();
      await sessions.stop();
      await db.destroy();
      await Promise.all([host.stop(), store.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Arguments for `run` and `start`: `ssh` with these options, to the grant's login, the last word being the command. */
export function sshTo(world: SshWorld, grant: HostGrant, ...more: string[]): string[] {
  return [
    ...['ssh', ...world.options(), '-p', String(world.gateway.port), ...more.slice(0, -1)],
    ...[`${grant.login}@127.0.0.1`, ...more.slice(-1)],
  ];
}

export function finished(child: ChildProcess, input?: string): Promise<Ran> {
  const out: Buffer[] = [];
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(said).toString() }),
    );
  });
}

interface Sshd {
  port: number;
  key: string;
  user: string;
  /** A certificate for this login is let in. */
  allow(login: string): void;
  certify(pair: SshKeyPair, login: string): string;
  stop(): Promise<void>;
}

async function startSshd(folder: string): Promise<Sshd> {
  const authority = newKeyPair();
  const hostPair = newKeyPair();
  const { username } = userInfo();
  const port = await freePort();
  const logins = new Set<string>();
  const file = (name: string, text: string, mode = 0o600) => {
    writeFileSync(join(folder, name), text, { mode });
    return join(folder, name);
  };
  const principals = file('principals', '', 0o644);
  const configuration = file(
    'sshd_config',
    [
      ...[`ListenAddress 127.0.0.1:${port}`, `PidFile ${join(folder, 'sshd.pid')}`, 'StrictModes no'],
      `HostKey ${file('host-key', opensshPrivateKey(hostPair, 'host').reveal())}`,
      `TrustedUserCAKeys ${file('authority.pub', `${publicLine(authority.publicKey)}\n`, 0o644)}`,
      ...[`AuthorizedPrincipalsFile ${principals}`, 'AuthorizedKeysFile none', 'PermitRootLogin yes'],
      ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no', 'MaxSessions 100'],
      ...[
        'MaxStartups 100',
        'AcceptEnv LANG LC_*',
        'Subsystem sftp internal-sftp',
        'PrintMotd no',
        'PrintLastLog no',
      ],
    ].join('\n'),
  );
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  // It wants to be called by its whole name.
  const program = ['/usr/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path)) ?? 'sshd';
  const child = spawn(program, ['-D', '-e', '-f', configuration], { stdio: 'ignore' });
  await listens(port);
  return {
    ...{ port, key: publicLine(hostPair.publicKey), user: username },
    allow(login) {
      logins.add(login);
      writeFileSync(principals, `${[...logins].join('\n')}\n`);
    },
    certify(pair, login) {
      const now = Math.floor(Date.now() / 1000);
      return signUserCertificate(authority, pair.publicKey, {
        ...{ serial: 1n, keyId: login, principals: [login] },
        ...{ validAfter: now - 60, validBefore: now + CERTIFICATE_SECONDS },
        extensions: ['permit-pty', 'permit-port-forwarding'],
      });
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve());
        if (!child.kill()) resolve();
      }),
  };
}

/** Asks again until it is so. Errors: after half a minute. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endsAt = monotonicMs() + 30_000; !(await isSo()); await sleep(25))
    if (monotonicMs() > endsAt) throw new Error(`It did not come about: ${what}.`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error('sshd did not begin to listen.');
}

function admissionOf(world: {
  grants: Map<string, HostGrant & Verifier>;
  db: Db;
  facts: StoreFacts;
  host: Sshd;
  state: WorldState;
}): SessionAdmission {
  const { grants, db, facts, host, state } = world;
  return {
    async challenge(login) {
      return challengeOf(login, grants.get(login));
    },
    async open(input) {
      const grant = grants.get(input.login);
      if (grant === undefined || input.protocol !== 'ssh')
        throw new Failure('denied', 'unknown-grant', 'There is no such grant.');
      if (grant.over || grant.endsAt <= monotonicMs())
        throw new Failure('denied', 'expired', 'This grant has expired.');
      const sessionId = newId('session');
      await db
        .insertInto('sessions')
        .values({
          ...{
            id: sessionId,
            grant_id: grant.id,
            principal_id: facts.principalId,
            target_id: facts.targetId,
          },
          ...{ task_id: facts.taskId, gateway: input.gateway, client_address: input.clientAddress },
          application: input.application,
        })
        .execute();
      const pair = newKeyPair();
      return {
        ...{ sessionId, grantId: grant.id, principal: { id: facts.principalId, name: 'engineer' } },
        ...{ target: 'web-1', targetId: facts.targetId, task: 'operate', database: '' },
        ...{ remainingMs: grant.endsAt - monotonicMs(), expiresAtMs: grant.endsAt, storeGraceMs: 180_000 },
        ...{
          landingMs: grant.landingMs,
          mask: null,
          budget: grant.budget,
          approveStatements: null,
          literals: null,
          label: `engineer ${grant.id}`,
        },
        guard: { allow: [], lists: null, requireWhere: false },
        host: {
          ...{
            user: host.user,
            hostKeys: [state.pinned ?? host.key],
            allows: grant.allows,
            record: grant.record,
          },
          privateKey: opensshPrivateKey(pair, grant.login),
          certificate: host.certify(pair, grant.login),
        },
        upstream: {
          ...{ user: grant.login, password: new Secret(''), database: '', tls: 'off', host: '127.0.0.1' },
          dial: () => dial(state.dialPort ?? host.port),
        },
      };
    },
    refused: async () => undefined,
    async liveVerdicts(ids) {
      const asked = [...grants.values()].filter((grant) => ids.includes(grant.id));
      return new Map(
        asked.map((grant) => {
          const remainingMs = grant.endsAt - monotonicMs();
          const over = grant.over || remainingMs + grant.landingMs <= 0;
          return [grant.id, over ? 'over' : { remainingMs, expiresAtMs: grant.endsAt }];
        }),
      );
    },
  };
}
