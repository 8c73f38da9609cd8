// The embedded PostgreSQL: a real server from the locked package, set up, started, watched and restarted by us.
// For trying Sallyport out and for small installations; its folder holds data/, password, port and server.log.

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { codeOf, type Failure, messageOf } from '../../base/errors.ts';
import { after, monotonicMs, sleep } from '../../base/timer.ts';
import { type Binaries, embeddedBinaries } from './binaries.ts';
import {
  failureOf,
  initialise,
  keptPassword,
  refuseOtherVersion,
  SUPERUSER,
  sizeOf,
} from './cluster-setup.ts';
import { stopLeftover } from './leftover.ts';
import { choosePort, HOST, keepPort } from './port.ts';
import { chooseRunAs, type RunAs } from './run-as.ts';
import { type ServerLife, type ServerLog, startServer, tailOf } from './server-process.ts';

export interface EmbeddedOptions {
  /** Everything of this cluster; created with mode 0700 when missing. One running program at a time (data-lock.ts). */
  folder: string;
  /** For log lines and the server's process title: `store`, `orders-db`. Letters, digits and dashes. */
  name: string;
  log: ServerLog;
  /** Taken when it is free; otherwise the one of last time, otherwise any. */
  port?: number;
  /** PostgreSQL settings over ours (`wal_level: 'logical'`). */
  settings?: Readonly<Record<string, string>>;
  /** Other programs than the embedded ones, e.g. Debian's. */
  binaries?: Binaries;
  /** Aborting stops a start that is under way; the start then rejects. */
  signal?: AbortSignal;
  /** The server has died and is being restarted; `reason` is how it ended. */
  onDown?: (reason: string) => void;
  /** It accepts connections again, on the same port. */
  onUp?: () => void;
}

export interface Embedded {
  /** For the superuser `postgres`, with its password: never to be logged. */
  url(database: string): string;
  /** `url('postgres')`. */
  adminUrl: string;
  port: number;
  folder: string;
  /** The server's process now; changes with a restart. 0 while there is none. */
  pid(): number;
  /** Ends it within 4 s and leaves nothing running. Twice is once. */
  stop(): Promise<void>;
}

const WRONG_PASSWORD = '28P01';
const READY_LIMIT_MS = 300_000;
const READY_POLL_MS = 40;
const CONNECT_TIMEOUT_MS = 2_000;
const PROGRESS_EVERY_MS = 5_000;
const START_ATTEMPTS = 6;
const START_PAUSE_MS = 500;
const SHORTEST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;
/** A server that ran this long starts its next back-off from the beginning. */
const STEADY_MS = 60_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  // A socket's path must be short (107 bytes) and lie in a folder that exists: loopback is enough.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off',
  // Tables that grew by thousands within seconds are to be planned for as large ones, not a minute later.
  autovacuum_naptime: '10s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
  // A statement may hold a verifier or personal data; the log is kept in the clear.
  log_min_error_statement: 'panic',
};

/**
 * Sets the cluster up when it is new, ends what an earlier run left, starts and waits for a real connection.
 * Errors: Failure `disk-full`, `embedded-database-failed` (with the log's last lines), `cannot-run-database`,
 * `no-embedded-database`; an AbortError when `signal` fires.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  try {
    return await setUpAndStart(options);
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
    throw failureOf(messageOf(error), dirname(resolve(options.folder)));
  }
}

async function setUpAndStart(options: EmbeddedOptions): Promise<Embedded> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const folder = realpathSync(resolve(options.folder));
  const binaries = options.binaries ?? embeddedBinaries();
  const runAs = chooseRunAs(folder, binaries, options.log);
  const password = keptPassword(join(folder, 'password'));
  const dataFolder = join(runAs.place, 'data');
  const logFile = join(folder, 'server.log');
  if (existsSync(dataFolder)) {
    refuseOtherVersion(dataFolder, binaries);
    await stopLeftover(dataFolder, options.log);
  } else {
    options.log.info(`Setting up the database server ${options.name} …`);
    await initialise(runAs, dataFolder, password, logFile, binaries, options.signal);
  }
  const cluster = new Cluster(options, folder, runAs, dataFolder, logFile, password);
  await cluster.start();
  return cluster.door();
}

/** One cluster over all its lives: first start, restarts, stop. */
class Cluster {
  readonly #options: EmbeddedOptions;
  readonly #folder: string;
  readonly #runAs: RunAs;
  readonly #dataFolder: string;
  readonly #logFile: string;
  readonly #password: string;
  #port = 0;
  #up = false;
  #failures = 0;
  #life: ServerLife | null = null;
  #stopping: Promise<void> | null = null;
  readonly #stop = new AbortController();

  constructor(
    options: EmbeddedOptions,
    folder: string,
    runAs: RunAs,
    dataFolder: string,
    logFile: string,
    password: string,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#runAs = runAs;
    this.#dataFolder = dataFolder;
    this.#logFile = logFile;
    this.#password = password;
  }

  /** The first start: other ports and a few attempts, since what a killed run left may take a moment to go. */
  async start(): Promise<void> {
    const { signal } = this.#options;
    const portFile = join(this.#folder, 'port');
    const abort = () => void this.stop();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      let reason = '';
      for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
        signal?.throwIfAborted();
        this.#port = await choosePort(portFile, this.#options.port, this.#options.name, this.#options.log);
        const outcome = await this.#live();
        signal?.throwIfAborted();
        if (outcome === 'ready') {
          keepPort(portFile, this.#port);
          return;
        }
        reason = outcome;
        await sleep(START_PAUSE_MS, signal);
      }
      throw this.#startFailure(reason);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  door(): Embedded {
    const url = (database: string) =>
      `postgres://${SUPERUSER}:${this.#password}@${HOST}:${this.#port}/${encodeURIComponent(database)}`;
    return {
      url,
      adminUrl: url('postgres'),
      port: this.#port,
      folder: this.#folder,
      pid: () => this.#life?.pid ?? 0,
      stop: () => this.stop(),
    };
  }

  stop(): Promise<void> {
    this.#stop.abort();
    this.#stopping ??= this.#life?.stop() ?? Promise.resolve();
    return this.#stopping;
  }

  /** One life, until it accepts connections; then it is kept alive. Otherwise how it ended. */
  async #live(): Promise<string> {
    if (this.#stop.signal.aborted) return 'stopped';
    const logStart = sizeOf(this.#logFile);
    const life = startServer({
      runAs: this.#runAs,
      dataFolder: this.#dataFolder,
      logFile: this.#logFile,
      port: this.#port,
      settings: { ...SETTINGS, cluster_name: this.#options.name, ...this.#options.settings },
    });
    this.#life = life;
    const startedAt = monotonicMs();
    const ended = life.ended.then((how) => `${how}\n${tailOf(this.#logFile, logStart)}`.trim());
    const outcome = await Promise.race([this.#ready(life), ended]);
    if (outcome === 'ready') {
      this.#up = true;
      void life.ended.then((how) => this.#down(how, monotonicMs() - startedAt));
      return outcome;
    }
    await life.stop();
    return outcome;
  }

  /** Real connections until one is answered; every few seconds a line, since recovery after a crash takes time. */
  async #ready(life: ServerLife): Promise<string> {
    let over = false;
    void life.ended.then(() => {
      over = true;
    });
    const endAt = monotonicMs() + READY_LIMIT_MS;
    let tellAt = monotonicMs() + PROGRESS_EVERY_MS;
    let reason = 'no answer';
    while (!over && monotonicMs() < endAt) {
      try {
        await probe(this.door().adminUrl);
        return 'ready';
      } catch (error) {
        reason = messageOf(error);
        if (codeOf(error) === WRONG_PASSWORD)
          return `It refuses the password in ${join(this.#folder, 'password')}.`;
      }
      if (monotonicMs() > tellAt) {
        this.#options.log.info(`Still waiting for the database server ${this.#options.name}: ${reason}`);
        tellAt += PROGRESS_EVERY_MS;
      }
      await sleep(READY_POLL_MS);
    }
    return `It did not accept connections: ${reason}`;
  }

  #down(how: string, livedMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#failures = livedMs > STEADY_MS ? 0 : this.#failures + 1;
    const pauseMs = Math.min(SHORTEST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#options.log.error(
      `The database server ${this.#options.name} has ended (${how.split('\n', 1)[0]}); starting it again.`,
    );
    if (this.#up) this.#options.onDown?.(how);
    this.#up = false;
    after(pauseMs, () => void this.#revive());
  }

  async #revive(): Promise<void> {
    let outcome: string;
    try {
      await stopLeftover(this.#dataFolder, this.#options.log);
      outcome = await this.#live();
    } catch (error) {
      outcome = messageOf(error);
    }
    if (outcome !== 'ready') return this.#down(outcome, 0);
    this.#options.log.info(`The database server ${this.#options.name} is back.`);
    this.#options.onUp?.();
  }

  #startFailure(reason: string): Failure {
    return failureOf(`The database server ${this.#options.name} does not start: ${reason}`, this.#folder);
  }
}

async function probe(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}
