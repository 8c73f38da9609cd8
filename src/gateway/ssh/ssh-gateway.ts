// The gateway for SSH: the listening socket and its limits. Whoever connects has seconds to log in, is counted, and gets
// nothing but a session on the host that its grant is for.

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection } from 'ssh2';
import type { Logger } from '../../base/log.ts';
import type { SessionAdmission } from '../../grants/session-ticket.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { createFailureLimit } from '../failure-limit.ts';
import { createWaitingRoom, type WaitingRoom } from '../waiting-room.ts';
import { CIPHERS, KEY_EXCHANGES, MACS } from './algorithms.ts';
import { type HostKey, loadHostKey } from './host-key.ts';
import { type Caller, enter, type HostLogin, METHODS, proveSecret, secretOf } from './log-in.ts';
import { startHostRelay } from './relay.ts';
import { dismiss } from './session-channel.ts';

export interface SshGatewayLimits {
  /** Connections at most, logins under way included. */
  connections: number;
  /** Connections that have not logged in yet. */
  logins: number;
  /** From the first byte to the session. */
  loginTimeoutMs: number;
  /** See waiting-room.ts. */
  giveWayAfterMs: number;
}

/** What holds unless said otherwise. */
export const SSH_GATEWAY_LIMITS: SshGatewayLimits = {
  connections: 2_000,
  logins: 200,
  loginTimeoutMs: 20_000,
  giveWayAfterMs: 2_000,
};
const MOST_TRIES = 6;
const STOP_GRACE_MS = 700;
/** How long somebody who may not come in is told why. */
const REFUSED_MS = 5_000;
const LONGEST_APPLICATION = 63;

export interface SshGatewayContext {
  admission: SessionAdmission;
  sessions: Sessions;
  log: Logger;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Where the host key lies. */
  dataFolder: string;
  /** A file; null: made in the data folder. */
  hostKey?: string | null;
  limits?: Partial<SshGatewayLimits>;
}

export interface SshGateway {
  /** The real one, once started. */
  readonly port: number;
  /** `type base64`, for a client's known hosts. Empty before it has started. */
  readonly hostKey: string;
  start(): Promise<void>;
  /** Lets nobody in any more; those who are in are told by whoever tells all sessions. */
  drain(): void;
  /** Takes no more connections; sessions have been cut, and get a moment to end. */
  stop(): Promise<void>;
}

export function createSshGateway(ctx: SshGatewayContext): SshGateway {
  return new Listener(ctx);
}

class Listener implements SshGateway {
  readonly #ctx: SshGatewayContext;
  readonly #limits: SshGatewayLimits;
  readonly #failures = createFailureLimit();
  readonly #sockets = new Set<Socket>();
  readonly #endings = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #server: NetServer | null = null;
  #hostKey: HostKey = { privateKey: '', publicLine: '' };
  #port: number;
  readonly #waitingRoom: WaitingRoom;
  #draining = false;

  constructor(ctx: SshGatewayContext) {
    this.#ctx = ctx;
    this.#limits = { ...SSH_GATEWAY_LIMITS, ...ctx.limits };
    const { logins: places, giveWayAfterMs } = this.#limits;
    this.#waitingRoom = createWaitingRoom({ places, giveWayAfterMs });
    this.#port = ctx.port;
  }

  get port(): number {
    return this.#port;
  }

  get hostKey(): string {
    return this.#hostKey.publicLine;
  }

  async start(): Promise<void> {
    const { dataFolder, hostKey, host, port, log } = this.#ctx;
    this.#hostKey = await loadHostKey(dataFolder, hostKey ?? null);
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 512 }, resolve);
    });
    server.on('error', (error) => log.error({ err: error }, 'the SSH gateway cannot take connections'));
    this.#server = server;
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  drain(): void {
    this.#draining = true;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#server?.close();
    const patience = new Promise<void>((resolve) => setTimeout(resolve, STOP_GRACE_MS).unref());
    await Promise.race([Promise.all(this.#endings), patience]);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.race([Promise.all(this.#endings), patience]);
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    const place =
      this.#sockets.size >= this.#limits.connections
        ? null
        : this.#waitingRoom.enter(socket.remoteAddress ?? '', () => socket.destroy());
    if (place === null) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const leave = new AbortController();
    const timer = setTimeout(() => socket.destroy(), this.#limits.loginTimeoutMs);
    let under = true;
    /** The login is over, one way or the other. */
    const settled = () => {
      clearTimeout(timer);
      place.leave();
      under = false;
    };
    socket.once('close', () => {
      this.#sockets.delete(socket);
      leave.abort();
      settled();
    });
    // One for each connection: what it knows of sockets is then this one's, and an error in it ends no other.
    const server = new ssh2.Server({
      hostKeys: [this.#hostKey.privateKey],
      ident: 'Sallyport',
      algorithms: { kex: KEY_EXCHANGES, cipher: CIPHERS, hmac: MACS, compress: ['none'] },
    });
    server.on('connection', (connection, info) => {
      connection.on('error', (error) => {
        this.#ctx.log.debug({ reason: error.message }, 'a client broke the SSH protocol');
        if (under) socket.destroy();
      });
      const { software } = info.header.versions;
      const caller = { address: plainAddress(socket.remoteAddress ?? ''), application: cleanName(software) };
      const signal = AbortSignal.any([leave.signal, this.#stopping.signal]);
      this.#authenticate({ socket, connection, caller, signal, settled });
    });
    server.injectSocket(socket);
  }

  #authenticate(client: Client): void {
    let tries = 0;
    let busy = false;
    client.connection.on('authentication', (auth) => {
      if (auth.method === 'none' || auth.method === 'publickey' || auth.method === 'hostbased') {
        // A client may have many keys; none of them is known here.
        auth.reject(METHODS);
        return;
      }
      if (busy || ++tries > MOST_TRIES) {
        client.socket.destroy();
        return;
      }
      busy = true;
      void this.#try(client, auth).finally(() => {
        busy = false;
      });
    });
  }

  async #try(client: Client, auth: AuthContext): Promise<void> {
    const { caller, signal } = client;
    const ctx = { ...this.#ctx, failures: this.#failures, draining: () => this.#draining };
    try {
      const secret = await secretOf(auth);
      const credentialId = secret === null ? null : await proveSecret(ctx, caller, auth.username, secret);
      if (credentialId === null) {
        if (!signal.aborted) auth.reject(METHODS);
        return;
      }
      const login = await enter(ctx, caller, { login: auth.username, credentialId }, signal);
      this.#run(client, login);
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof ProtocolError ? error : null;
      if (known === null) this.#ctx.log.error({ err: error }, 'a login failed unexpectedly');
      else
        this.#ctx.log.info(
          { fault: known.fault, reason: known.message, err: known.cause },
          'a login was refused',
        );
      if (known?.fault === 'limit') client.socket.destroy();
      else refuse(client, known?.message ?? 'The login failed. Try again shortly.');
    }
    client.settled();
    auth.accept();
  }

  #run(client: Client, { session, host, upstream }: HostLogin): void {
    startHostRelay({
      ...{ session, host, upstream, connection: client.connection, client: client.socket },
      whenOver: (reason) => {
        const ending = session.end(reason).catch((error: unknown) => {
          this.#ctx.log.error(
            { session: session.ticket.sessionId, err: error },
            'a session could not be closed',
          );
        });
        this.#endings.add(ending);
        void ending.finally(() => this.#endings.delete(ending));
      },
    });
  }
}

interface Client {
  socket: Socket;
  connection: Connection;
  caller: Caller;
  /** Aborts when the client is gone or the gateway stops. */
  signal: AbortSignal;
  settled(): void;
}

/** It proved who it is: it is let in to one thing, reading why it may not come in. */
function refuse({ connection, socket }: Client, why: string): void {
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS);
  timer.unref();
  connection.on('session', (accept) => {
    const session = accept();
    session.on('pty', (agree) => agree?.());
    const tell = (open: () => Parameters<typeof dismiss>[0]) => dismiss(open(), why);
    session.on('shell', (open) => tell(open));
    session.on('exec', (open) => tell(open));
    session.on('subsystem', (open) => tell(open));
  });
}

/** IPv4 addresses that came through an IPv6 socket are IPv4 addresses. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** What is not printable ASCII becomes a question mark. */
function cleanName(name: string): string | null {
  return name === '' ? null : name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST_APPLICATION);
}
