// Everything between the configuration and the listening ports, wired once. main.ts runs it as a process; tests run
// it in theirs. Long because it is the one list of all that is started, in its order.

import { join } from 'node:path';
import { append, SYSTEM_ACTOR } from './audit/append.ts';
import { createAuditLog } from './audit/log.ts';
import { openLogKeys } from './audit/log-keys.ts';
import { createSeldom } from './audit/seldom.ts';
import { createSequencer } from './audit/sequence.ts';
import { parseAddressRange } from './base/address-ranges.ts';
import { codeOf, Failure, messageOf } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { loadMasterKey } from './base/master-key.ts';
import { monotonicMs, sleep } from './base/timer.ts';
import type { Config } from './config.ts';
import { createRegistry } from './connectors/registry.ts';
import { type Db, openStore } from './db/client.ts';
import { hasInstallation, openInstallation } from './db/installation.ts';
import { migrate } from './db/migrate.ts';
import { stampStoreVersion } from './db/store-version.ts';
import { waitForStore } from './db/wait-for-store.ts';
import { createEvents, publish } from './events/events.ts';
import { createGateway } from './gateway/gateway.ts';
import { createSshGateway } from './gateway/ssh/ssh-gateway.ts';
import { type GrantsContext, PENDING_LIFETIME_SECONDS } from './grants/context.ts';
import { freeLeasesOf } from './grants/lease.ts';
import { challengeFor, liveVerdicts, openSession } from './grants/open-session.ts';
import { noteRefusedLogin } from './grants/refused-login.ts';
import type { SessionAdmission } from './grants/session-ticket.ts';
import { createStatementDesk } from './grants/statement-desk.ts';
import type { HttpContext, Readiness } from './http/context.ts';
import { createServer } from './http/server.ts';
import { createAttempts } from './identity/attempts.ts';
import { MOST_WRONG_CODES, WRONG_CODES_WINDOW_MS } from './identity/device-login.ts';
import { createFailedSignIns } from './identity/failed-sign-ins.ts';
import { createFirstAdministrator } from './identity/first-administrator.ts';
import { createOidcProvider } from './identity/oidc-provider.ts';
import { createRefusedUses } from './identity/refused-use.ts';
import { createPrincipals } from './identity/sign-in.ts';
import { createWorkloadIdentity } from './identity/workload/exchange.ts';
import { createInsight } from './insight/insight.ts';
import { type Repeating, repeat } from './jobs/repeat.ts';
import { createTurns, freeTurnsOf } from './jobs/turns.ts';
import { createKeys } from './keys/keys.ts';
import { unwrapInto } from './keys/master.ts';
import { createPolicies, publishStarter } from './policy/publish.ts';
import { noteGateway } from './program/note-gateway.ts';
import { createRecordings } from './program/recordings.ts';
import { createFence, createRecoveryView } from './program/recovery.ts';
import { roomForConnections } from './program/room.ts';
import { createWork } from './program/work.ts';
import { openOwnName } from './replicas/own-name.ts';
import { createRecovery, proveAgain, refuseInRecovery } from './replicas/recovery.ts';
import { createReplicas, type Replicas, storeTrouble } from './replicas/replicas.ts';
import { createSessionReader } from './sessions/session-view.ts';
import { createSessions } from './sessions/sessions.ts';
import { dialDirect } from './targets/dial.ts';
import { createHostEnrolment } from './targets/host-enrolment.ts';
import { createTargets } from './targets/targets.ts';
import { createTasks } from './targets/tasks.ts';

const STORE_CONNECTIONS = 16;
const POLICY_LOOK_MS = 5_000;
const STOP_STEP_MS = 1_500;
const DRAIN_LOOK_MS = 100;
const COMPARE_LIMIT_MS = 10_000;
const GATEWAY_LOOK_MS = 2_000;

export interface ProgramInput {
  config: Config;
  /** Of the store; already running. */
  storeUrl: string;
  log: Logger;
  version: string;
  demo: HttpContext['demo'];
  portalFolder: string;
  /** Runs when the store is ready and before anything listens: the demo's own set-up. */
  prepare?: (ctx: GrantsContext) => Promise<void>;
  /** Only tests give another. */
  pendingLifetimeSeconds?: number;
  /** This process is not to go on: another one runs under its name, or the store has left its version behind. */
  onLost?: (why: string) => void;
  /** An administrator asks this process to stop; its sessions have so long, null: as configured. */
  onDrain?: (seconds: number | null) => void;
}

export interface Program {
  ctx: GrantsContext;
  db: Db;
  /** Where the portal and API really listen (the port may have been 0). */
  httpUrl: string;
  gatewayPort: number;
  sshPort: number;
  /** Grants that are still active: they end on their targets by the targets' own expiry while this is stopped. */
  activeGrants(): Promise<{ id: string; target: string; expiresAt: Date | null }[]>;
  /**
   * Shows itself as not ready, lets no new session in, tells those that are open, and resolves when none is left, the
   * time is up or `hurry` aborts. Everything else goes on until `stop`.
   */
  drain(seconds: number, hurry: AbortSignal): Promise<void>;
  stop(reason: string): Promise<void>;
}

/** Errors: everything that keeps the program from being whole; nothing listens then and nothing is left open. */
export async function startProgram(input: ProgramInput): Promise<Program> {
  const stops: [name: string, stop: () => Promise<unknown>][] = [];
  try {
    return await wire(input, stops);
  } catch (error) {
    await stopAll(stops, input.log);
    throw error;
  }
}

async function wire(input: ProgramInput, stops: [string, () => Promise<unknown>][]): Promise<Program> {
  const { config, log } = input;
  const db = openStore({
    connectionString: input.storeUrl,
    poolSize: STORE_CONNECTIONS,
    onError: (error) =>
      log.warn({ reason: error.message }, 'a connection to the store broke; it is replaced'),
  });
  stops.push(['store', () => db.destroy()]);
  await waitForStore(db);
  await migrate(db);
  const masterKey = loadMasterKey(
    config.masterKeyFile ?? join(config.dataFolder, 'keys', 'master.key'),
    !(await hasInstallation(db)),
  );
  const installation = await openInstallation(db, masterKey.check, (next) => unwrapInto(masterKey, next));
  await stampStoreVersion(db);

  const own = openOwnName(config.dataFolder, config.replica.name);
  const { roles } = config.replica;
  const turns = createTurns({ db, run: own.run });
  const addresses: Record<string, string> = {};
  let closeSessionsOf: (gateways: string[]) => Promise<void> = async () => undefined;
  const replicas = createReplicas({
    db,
    log,
    own,
    version: input.version,
    roles,
    addresses: () => addresses,
    keyChecks: () => masterKey.checks(),
    async onGone(gone) {
      const runs = gone.map((one) => one.run);
      await Promise.all([freeLeasesOf(db, runs), freeTurnsOf(db, runs)]);
      await closeSessionsOf(gone.map((one) => one.name));
    },
    onDrain: (seconds) => {
      log.info({ replica: own.name, seconds }, 'this replica is asked to stop');
      input.onDrain?.(seconds);
    },
    onLost: (why) => {
      log.error({ replica: own.name }, `this replica ends: ${why}`);
      input.onLost?.(why);
    },
  });
  await replicas.register();
  replicas.start();
  stops.push(['replica', () => replicas.stop()]);

  const mark = { installation: installation.id, epoch: installation.epoch, run: own.run };
  let onRecovery = async (_standsStill: boolean): Promise<void> => undefined;
  const recovery = createRecovery({
    db,
    log,
    masterKey,
    installationId: installation.id,
    look: () => {
      const { alarm } = sequencer.status();
      return alarm?.behind === true ? alarm.message : null;
    },
    async onChange(state, epoch) {
      const bridged = epoch !== mark.epoch;
      mark.epoch = epoch;
      if (bridged) await sequencer.compareAgain();
      await onRecovery(state !== null);
    },
  });

  const logKeys = { db, dataFolder: config.dataFolder, installationId: installation.id, masterKey };
  const keys = await openLogKeys(logKeys);
  const sequencer = createSequencer({
    db,
    log,
    dataFolder: config.dataFolder,
    keys,
    installationId: installation.id,
    bridges: recovery,
  });
  await recovery.refresh();
  sequencer.start();
  stops.push(['audit', () => sequencer.stop()]);
  // What is behind its own log touches nothing, so this is known before anything begins.
  await sequencer.compared(COMPARE_LIMIT_MS);
  const { alarm: first } = sequencer.status();
  if (first?.behind === true) await recovery.begin(first.message);
  recovery.start();
  stops.push(['recovery', () => recovery.stop()]);
  await db.transaction().execute((trx) =>
    append(trx, {
      kind: 'system.started',
      actor: SYSTEM_ACTOR,
      detail: { version: input.version, replica: own.name, roles },
    }),
  );
  stops.push(['audit entry', () => noteStop(db, own.name)]);

  const events = createEvents({ connectionString: input.storeUrl, log, db });
  await events.start();
  stops.push(['events', () => events.stop()]);

  const registry = createRegistry();
  const tasks = createTasks({ db, registry });
  const targets = createTargets({
    ...{ db, masterKey, registry, mark, dial: dialDirect, tasks },
    fence: createFence({ db, log, mark, own, replicas, recovery }),
  });
  stops.push(['targets', () => targets.close()]);
  const policies = createPolicies({ db, log });
  await publishStarter({ db });
  await policies.refresh();
  let httpUrl = '';
  // By name, not by number: a passkey belongs to a name.
  const publicUrl = () => config.publicUrl ?? `http://localhost:${new URL(httpUrl).port}`;
  const ctx: GrantsContext = {
    db,
    run: own.run,
    turns,
    log,
    masterKey,
    policies,
    targets,
    tasks,
    events,
    publicUrl,
    gatewayAddress: {
      ...(config.postgresGateway.publicAddress ?? {
        host: config.postgresGateway.host,
        port: config.postgresGateway.port,
      }),
    },
    sshAddress: { ...(config.sshGateway.publicAddress ?? config.sshGateway), hostKey: '' },
    heldBack: () =>
      sequencer.status().alarm?.message ??
      (recovery.state() === null ? null : 'this store may be restored or copied.'),
    recordings: config.recordings,
    pendingLifetimeSeconds: input.pendingLifetimeSeconds ?? PENDING_LIFETIME_SECONDS,
  };
  if (config.firstAdministrator !== null) await createFirstAdministrator(db, config.firstAdministrator);
  await input.prepare?.(ctx);

  const refusedLogins = createSeldom();
  const admission: SessionAdmission = {
    challenge: (login) => challengeFor(ctx, login),
    open: async (open) => {
      refuseInRecovery(recovery.state());
      return openSession(ctx, open);
    },
    refused: (login) => noteRefusedLogin(ctx, refusedLogins, login),
    liveVerdicts: (grantIds) => liveVerdicts(ctx, grantIds),
  };
  const sessions = createSessions({
    db,
    log,
    dataFolder: config.dataFolder,
    gatewayName: own.name,
    admission,
    events: endings(events),
  });
  await sessions.start();
  closeSessionsOf = (gateways) => sessions.closeOf(gateways);
  stops.push(['sessions', () => sessions.stop()]);
  const room = roomForConnections(log);
  const gateway = createGateway({
    limits: { connections: room.postgres },
    admission,
    sessions,
    desk: createStatementDesk(ctx),
    log,
    host: config.postgresGateway.host,
    port: config.postgresGateway.port,
    dataFolder: config.dataFolder,
    certificate: config.postgresGateway.tls,
    otherGateways: otherGateways(db, events),
  });
  if (roles.includes('gateway')) {
    await listening('SALLY_PG_PORT', config.postgresGateway, gateway.start());
    addresses.postgres = `${config.postgresGateway.host}:${gateway.port}`;
    if (config.postgresGateway.publicAddress === null) ctx.gatewayAddress.port = gateway.port;
    const shown = { gateway: 'postgres', certificate: gateway.certificate } as const;
    await noteGateway(db, own.name, addresses.postgres, shown);
  }
  const sshGateway = createSshGateway({
    ...{ admission, sessions, log, dataFolder: config.dataFolder },
    ...{ host: config.sshGateway.host, port: config.sshGateway.port, hostKey: config.sshGateway.hostKey },
    limits: { connections: room.ssh },
  });
  if (roles.includes('gateway')) {
    await listening('SALLY_SSH_PORT', config.sshGateway, sshGateway.start());
    addresses.ssh = `${config.sshGateway.host}:${sshGateway.port}`;
    addresses.sshHostKey = sshGateway.hostKey;
    ctx.sshAddress.hostKey = sshGateway.hostKey;
    if (config.sshGateway.publicAddress === null) ctx.sshAddress.port = sshGateway.port;
    await noteGateway(db, own.name, addresses.ssh, { gateway: 'ssh', hostKey: sshGateway.hostKey });
  }

  const policyLook = repeat({ log }, 'policies', POLICY_LOOK_MS, (signal) =>
    policies.refresh(signal).then(() => undefined),
  );
  policyLook.start();
  stops.push(['policies', () => policyLook.stop()]);
  if (!roles.includes('gateway')) {
    const gatewayLook = createGatewayLook(ctx, replicas, config);
    gatewayLook.start();
    stops.push(['gateways', () => gatewayLook.stop()]);
  }
  const rotations = createKeys({
    ...{ db, log, ring: masterKey, logKeys, targets, turns },
    onReseal: (trx, next) => proveAgain(trx, { masterKey: next, installationId: installation.id }),
    onLogKey: () => void keys.refresh().then(() => sequencer.kick()),
    adminRefused: input.demo === null ? null : 'The demo keeps the password of its target itself.',
  });
  rotations.start();
  stops.push(['keys', () => rotations.stop()]);
  const recordings = createRecordings({ db, log, config, gatewayName: own.name });
  const work = createWork(ctx, {
    here: roles.includes('worker'),
    installationId: installation.id,
    always: () => recordings.jobs(),
  });
  const { worker } = work;
  stops.push(['background work', () => work.stop()]);
  onRecovery = (standsStill) => (standsStill ? work.stop() : work.begin());
  if (recovery.state() === null) await work.begin();
  events.subscribe((event) => {
    if (event.topic === 'policies') policyLook.kick();
    work.hear(event.topic);
  });

  let draining = false;
  const readiness = (): Readiness => {
    const alarm = sequencer.status().alarm;
    const problems = [
      storeTrouble(replicas),
      // A person has to reach a store in recovery, to sign.
      alarm === null || recovery.state() !== null ? null : `The audit log is in alarm: ${alarm.message}`,
      draining ? 'This replica is about to stop.' : null,
    ].filter((problem) => problem !== null);
    return { ready: problems.length === 0, problems };
  };
  const failures = createFailedSignIns({ db, log });
  const server = await createServer({
    log,
    version: input.version,
    grants: ctx,
    worker,
    events,
    replicas,
    recovery: createRecoveryView({ recovery, sequencer, db, installationId: installation.id }),
    keys: rotations,
    hosts: createHostEnrolment({ db, masterKey, registry, dial: dialDirect, mark }),
    readiness,
    servesApi: roles.includes('api'),
    refusedUses: createRefusedUses({ db }),
    workload: createWorkloadIdentity({ db, issuers: config.workloadIdentity.issuers }),
    trustedProxies: config.http.trustedProxies.map(parseAddressRange),
    principals: createPrincipals({ db, failures }),
    signIn: {
      db,
      log,
      failures,
      userCodes: createAttempts({ db }, 'device code', {
        most: MOST_WRONG_CODES,
        windowMs: WRONG_CODES_WINDOW_MS,
      }),
      publicUrl,
      oidc: config.signIn.oidc === null ? null : createOidcProvider({ log }, config.signIn.oidc),
      firstPasskey: config.signIn.firstPasskey,
    },
    sessions: createSessionReader({
      ...{ db, policies, dataFolder: config.dataFolder, fetched: recordings.fetched },
      replica: own.name,
    }),
    audit: createAuditLog({ db, sequencer, keys, dataFolder: config.dataFolder }),
    insight: createInsight({
      db,
      tasks,
      logStatus: () => sequencer.status(),
      replicas,
      recordings: { folder: recordings.folder, replica: own.name, storing: recordings.storing },
    }),
    demo: input.demo,
    portalFolder: input.portalFolder,
  });
  stops.push(['http', () => server.close()]);
  // Last in this list and so the first to stop: sessions are cut before anything else takes its time.
  stops.push(['SSH gateway', () => sshGateway.stop()]);
  stops.push(['gateway', () => gateway.stop('Sallyport is stopping.')]);
  httpUrl = await listening(
    'SALLY_HTTP_PORT',
    config.http,
    server.listen({ host: config.http.host, port: config.http.port }),
  );

  addresses.http = config.publicUrl ?? httpUrl;

  return {
    ctx,
    db,
    httpUrl,
    gatewayPort: gateway.port,
    sshPort: sshGateway.port,
    activeGrants: () => stillActive(db),
    async drain(seconds, hurry) {
      draining = true;
      await replicas.drain();
      sshGateway.drain();
      gateway.drain('This gateway is about to stop: finish what you are doing and connect again.');
      const endsAt = monotonicMs() + seconds * 1000;
      while (!hurry.aborted && gateway.live().length > 0 && monotonicMs() < endsAt)
        await sleep(DRAIN_LOOK_MS, hurry);
    },
    stop: (reason) => {
      draining = true;
      log.info({ reason }, 'stopping');
      return stopAll(stops, log);
    },
  };
}

/** Errors: Failure `cannot-listen`, which says what to set. */
async function listening<T>(
  variable: string,
  where: { host: string; port: number },
  started: Promise<T>,
): Promise<T> {
  try {
    return await started;
  } catch (error) {
    const why = CANNOT_LISTEN[codeOf(error) ?? ''];
    if (why === undefined) throw error;
    throw new Failure(
      'unavailable',
      'cannot-listen',
      `Cannot listen on ${where.host}:${where.port}: ${why}.`,
      {
        hint: `Set another port with ${variable}, or another address in the configuration file.`,
        cause: error,
      },
    );
  }
}

const CANNOT_LISTEN: Record<string, string> = {
  EADDRINUSE: 'another program has it',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this user may not',
};

function endings(events: ReturnType<typeof createEvents>) {
  return {
    onGrantEnding: (handler: (grantId: string, reason: string) => void) =>
      events.subscribe((event) => {
        if (event.topic === 'grants' && event.act === 'ending' && event.id !== undefined)
          handler(event.id, event.reason ?? 'ended');
      }),
    onSessionEnd: (handler: (sessionId: string, reason: string) => void) =>
      events.subscribe((event) => {
        if (event.topic === 'sessions' && event.act === 'end' && event.id !== undefined)
          handler(event.id, event.reason ?? 'ended');
      }),
  };
}

function otherGateways(db: Db, events: ReturnType<typeof createEvents>) {
  return {
    cancel: (digest: string) => void publish(db, { topic: 'sessions', act: 'cancel', id: digest }),
    onCancel: (handler: (digest: string) => void) =>
      events.subscribe((event) => {
        if (event.topic === 'sessions' && event.act === 'cancel' && event.id !== undefined) handler(event.id);
      }),
  };
}

/** Where a replica without a gateway sends clients: to one that has, and lives. */
function createGatewayLook(ctx: GrantsContext, replicas: Replicas, config: Config): Repeating {
  const named = (address: string) => {
    const at = address.lastIndexOf(':');
    return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
  };
  return repeat(ctx, 'gateways', GATEWAY_LOOK_MS, async () => {
    const living = (await replicas.list()).filter((one) => one.state === 'running');
    const { postgres } = living.find((one) => one.addresses.postgres !== undefined)?.addresses ?? {};
    if (postgres !== undefined && config.postgresGateway.publicAddress === null)
      Object.assign(ctx.gatewayAddress, named(postgres));
    const { ssh, sshHostKey } = living.find((one) => one.addresses.ssh !== undefined)?.addresses ?? {};
    if (ssh === undefined || sshHostKey === undefined) return undefined;
    ctx.sshAddress.hostKey = sshHostKey;
    if (config.sshGateway.publicAddress === null) Object.assign(ctx.sshAddress, named(ssh));
    return undefined;
  });
}

async function noteStop(db: Db, replica: string): Promise<void> {
  await db
    .transaction()
    .execute((trx) => append(trx, { kind: 'system.stopped', actor: SYSTEM_ACTOR, detail: { replica } }));
}

function stillActive(db: Db) {
  return db
    .selectFrom('grants as g')
    .innerJoin('targets as t', 't.id', 'g.target_id')
    .select(['g.id', 't.name as target', 'g.expires_at as expiresAt'])
    .where('g.wanted', '=', 'present')
    .where('g.observed', '=', 'present')
    .orderBy('g.expires_at')
    .limit(50)
    .execute();
}

// In the opposite order of starting; a step that hangs is left behind, so that the whole stays within five seconds.
async function stopAll(stops: [string, () => Promise<unknown>][], log: Logger): Promise<void> {
  for (const [name, stop] of stops.splice(0).reverse()) {
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, STOP_STEP_MS, 'late').unref());
    const outcome = await Promise.race([
      stop().catch((error: unknown) =>
        log.warn({ part: name, reason: messageOf(error) }, 'did not stop cleanly'),
      ),
      late,
    ]);
    if (outcome === 'late') log.warn({ part: name }, 'took too long to stop; left behind');
  }
}
