// The gateway for PostgreSQL: the listening socket and its limits. Whoever connects has seconds to log in, is counted,
// and is told what is wrong in the protocol's own form; a session that runs is the relay's.

import { createServer, isIP, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Logger } from '../base/log.ts';
import type { SessionAdmission, StatementDesk } from '../grants/session-ticket.ts';
import { errorResponse } from '../pg-wire/frames.ts';
import { ProtocolError } from '../pg-wire/protocol-error.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type CertificateFiles, loadCertificate, type ShownCertificate } from './certificate.ts';
import { createFailureLimit } from './failure-limit.ts';
import { type FastSockets, fastSockets } from './fast-socket.ts';
import { createCancelKeys, type OtherGateways } from './postgres/cancel-keys.ts';
import { createGuard, type Guard } from './postgres/guard/guard.ts';
import { type LoginContext, logIn } from './postgres/login.ts';
import { startRelay } from './postgres/relay.ts';
import { createWaitingRoom, type Place } from './waiting-room.ts';

export interface GatewayLimits {
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
export const GATEWAY_LIMITS: GatewayLimits = {
  connections: 12_000,
  logins: 500,
  loginTimeoutMs: 20_000,
  giveWayAfterMs: 2_000,
};
const STOP_GRACE_MS = 700;

export interface GatewayContext {
  admission: SessionAdmission;
  sessions: Sessions;
  /** Where statements wait for approval. */
  desk: StatementDesk;
  log: Logger;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Where the certificate lies. */
  dataFolder: string;
  /** null: made in the data folder. */
  certificate?: CertificateFiles | null;
  /** Cancel requests that are no session's of this gateway. */
  otherGateways?: OtherGateways;
  /** The product's own guard, unless given. */
  guard?: Guard;
  /** How sessions read and write: the fastest way that this machine has, unless given. */
  sockets?: FastSockets;
  limits?: Partial<GatewayLimits>;
}

export interface Gateway {
  /** The real one, once started. */
  readonly port: number;
  /** What it shows to clients; null before it has started. */
  readonly certificate: ShownCertificate | null;
  start(): Promise<void>;
  /** Lets nobody in any more, and tells those who are in; cancel requests still work. */
  drain(said: string): void;
  /** Takes no more connections, cuts all sessions with `reason` as the message, and closes their recordings. */
  stop(reason: string): Promise<void>;
  live(): LiveSession[];
}

export function createGateway(ctx: GatewayContext): Gateway {
  const limits = { ...GATEWAY_LIMITS, ...ctx.limits };
  const connections = new Set<{ destroy(): void }>();
  const endings = new Set<Promise<void>>();
  const stopping = new AbortController();
  let shown: ShownCertificate | null = null;
  const cancelKeys = createCancelKeys(ctx.otherGateways);
  let draining = false;
  const shared = { cancelKeys, failures: createFailureLimit(), draining: () => draining };
  let server: Server | null = null;
  let port = ctx.port;
  const waitingRoom = createWaitingRoom({ places: limits.logins, giveWayAfterMs: limits.giveWayAfterMs });
  let guard: Guard;
  let sockets: FastSockets;
  let tls: SecureContext;

  function accept(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    const place =
      connections.size > limits.connections
        ? null
        : waitingRoom.enter(socket.remoteAddress ?? '', () => tell(socket, tooMany()));
    if (place === null) tell(socket, tooMany());
    else void serve(socket, place).finally(() => place.leave());
  }

  /** Resolves when the login is over, whether a session runs or not. */
  async function serve(socket: Socket, place: Place): Promise<void> {
    const giveUp = new AbortController();
    const timer = setTimeout(() => {
      giveUp.abort();
      socket.destroy();
    }, limits.loginTimeoutMs);
    const whenClosed = () => giveUp.abort();
    socket.once('close', whenClosed);
    let stream: Duplex = socket;
    try {
      const context: LoginContext = {
        ...ctx,
        ...shared,
        tls,
        plainAllowed: isLoopback(socket),
        proven: () => place.proven(),
      };
      const login = await logIn(
        context,
        socket,
        AbortSignal.any([giveUp.signal, stopping.signal]),
        (upgraded) => {
          stream = upgraded;
        },
      );
      if (login === null) socket.end();
      else run(login, socket);
    } catch (error) {
      if (!(error instanceof ProtocolError)) ctx.log.error({ err: error }, 'a login failed unexpectedly');
      else if (error.fault !== 'closed')
        ctx.log.info({ fault: error.fault, reason: error.message, err: error.cause }, 'a login was refused');
      tell(stream, error);
    } finally {
      clearTimeout(timer);
      socket.off('close', whenClosed);
    }
  }

  function run(login: Awaited<ReturnType<typeof logIn>> & object, socket: Socket): void {
    const { session, client, upstream, cancelKey, early } = login;
    // A socket that closed while the target answered gives no event any more.
    if (socket.destroyed || stopping.signal.aborted) client.destroy();
    startRelay({
      log: ctx.log,
      session,
      guard,
      sockets,
      client,
      upstream,
      early,
      replaced(fast) {
        connections.delete(socket);
        connections.add(fast);
      },
      clientClosed: (fast) => connections.delete(fast),
      desk: ctx.desk,
      onCancel: (handler) => shared.cancelKeys.hear(cancelKey, handler),
      whenOver(reason) {
        shared.cancelKeys.remove(cancelKey);
        const ending = session.end(reason).catch((error: unknown) => {
          ctx.log.error({ session: session.ticket.sessionId, err: error }, 'a session could not be closed');
        });
        endings.add(ending);
        void ending.finally(() => endings.delete(ending));
      },
    });
  }

  return {
    get port() {
      return port;
    },
    get certificate() {
      return shown;
    },
    async start() {
      const [judge, certificate, fast] = await Promise.all([
        ctx.guard ?? createGuard(),
        loadCertificate(ctx.dataFolder, ctx.certificate),
        ctx.sockets ?? fastSockets(),
      ]);
      [guard, tls, sockets] = [judge, certificate.context, fast];
      shown = certificate.shown;
      const listening = createServer({ noDelay: true, pauseOnConnect: true }, accept);
      await new Promise<void>((resolve, reject) => {
        listening.once('error', reject);
        listening.listen({ host: ctx.host, port: ctx.port, backlog: 1_024 }, resolve);
      });
      listening.on('error', (error) => ctx.log.error({ err: error }, 'the gateway cannot take connections'));
      server = listening;
      const address = listening.address();
      if (typeof address === 'object' && address !== null) port = address.port;
    },
    drain(said) {
      draining = true;
      ctx.sessions.tellAll(said);
    },
    async stop(reason) {
      stopping.abort();
      cancelKeys.close();
      server?.close();
      ctx.sessions.cutAll(reason, 'the gateway stopped');
      const patience = new Promise<void>((resolve) => setTimeout(resolve, STOP_GRACE_MS).unref());
      await Promise.race([Promise.all(endings), patience]);
      for (const connection of connections) connection.destroy();
      await Promise.race([Promise.all(endings), patience]);
    },
    live: () => ctx.sessions.live(),
  };
}

function tooMany(): ProtocolError {
  return new ProtocolError('limit', 'Too many connections.');
}

/** The last message, and the end. */
function tell(stream: Duplex, error: unknown): void {
  const known =
    error instanceof ProtocolError
      ? error
      : new ProtocolError('refused', 'The login failed.', error, 'XX000');
  if (known.fault === 'closed' || stream.destroyed) {
    stream.destroy();
    return;
  }
  stream.end(
    errorResponse({
      severity: 'FATAL',
      sqlstate: known.sqlstate,
      text: known.message,
      ...(known.hint === undefined ? {} : { hint: known.hint }),
    }),
  );
  stream.resume();
  setTimeout(() => stream.destroy(), 1_000).unref();
}

/** Plain text stays on the machine. */
function isLoopback(socket: Socket): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
