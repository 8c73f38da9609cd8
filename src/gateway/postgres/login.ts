// From the first byte to a session: encryption, the startup packet, the proof, admission, the target, and then the
// relay. Every failure is told to the client once, in the protocol's own form, and says nothing that is not the
// client's to know: an unknown login, a foreign secret and a wrong one are one and the same error.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { Failure, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SessionAdmission } from '../../grants/session-ticket.ts';
import { createFrameReader, type FrameReader } from '../../pg-wire/frame-reader.ts';
import {
  authentication,
  CANCEL_REQUEST,
  FROM_SERVER,
  GSSENC_REQUEST,
  int32,
  message,
  parameterStatus,
  SSL_REQUEST,
} from '../../pg-wire/frames.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { proveClient } from '../../pg-wire/scram-server.ts';
import { checkMajor, readStartupPacket, settleVersion } from '../../pg-wire/startup-packet.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { FailureLimit } from '../failure-limit.ts';
import type { CancelKey, CancelKeys } from './cancel-keys.ts';
import { type ClientParameters, isSafeEncoding, readStartupParameters } from './startup-parameters.ts';
import { connectUpstream, type Upstream } from './upstream.ts';

export interface LoginContext {
  admission: SessionAdmission;
  sessions: Sessions;
  log: Logger;
  tls: SecureContext;
  cancelKeys: CancelKeys;
  failures: FailureLimit;
  /** False: a client that does not encrypt is refused. */
  plainAllowed: boolean;
  /** Called when the client has proven who it is. */
  proven: () => void;
  /** True: nobody is let in any more. */
  draining: () => boolean;
}

export interface LoggedIn {
  session: LiveSession;
  client: Duplex;
  upstream: Upstream;
  cancelKey: CancelKey;
  early: Buffer;
}

const TLS_HANDSHAKE_BYTE = 0x16;
const MOST_NEGOTIATIONS = 3;
const LONGEST_APPLICATION_NAME = 63;

/** Null: there is no session to run (a cancel request, say). Errors: ProtocolError; `socket` is the caller's to close. */
export async function logIn(
  ctx: LoginContext,
  socket: Socket,
  signal: AbortSignal,
  onStream: (stream: Duplex) => void,
): Promise<LoggedIn | null> {
  const opened = await openStream(ctx, socket, onStream);
  if (opened === null) return null;
  const { stream, reader, version, parameters } = opened;
  if (ctx.draining()) {
    // The state in which libpq tries the next host of its list.
    throw new ProtocolError('refused', 'This gateway is stopping.', undefined, '57P03', 'Connect again.');
  }
  const send = (bytes: Buffer) => void stream.write(bytes);
  const { minor, told } = settleVersion(version, parameters.unknownOptions);
  if (told !== null) send(told);
  const over = await ctx.failures.enter(socket.remoteAddress ?? '', parameters.user);
  const proven = await proveClient(reader, send, () => ctx.admission.challenge(parameters.user)).finally(
    over,
  );
  if (proven === null) {
    ctx.failures.add(socket.remoteAddress ?? '', parameters.user);
    // Nobody waits for it: how long it takes would tell whether there is such a login.
    ctx.admission
      .refused({ login: parameters.user, clientAddress: plainAddress(socket.remoteAddress ?? '') })
      .catch((error: unknown) =>
        ctx.log.warn({ reason: messageOf(error) }, 'a refused login was not logged'),
      );
    throw new ProtocolError('password', `password authentication failed for user "${parameters.user}"`);
  }
  ctx.proven();
  send(proven.final);
  const session = await openSession(ctx, socket, parameters, proven.credentialId);
  try {
    const upstream = await connectUpstream(session.ticket, targetSettings(session, parameters), signal);
    checkEncoding(upstream);
    const cancelKey = ctx.cancelKeys.add(session.ticket, upstream.cancelKey, minor >= 2);
    stream.write(Buffer.concat([authentication(0), ...welcome(upstream, cancelKey)]));
    return { session, client: stream, upstream, cancelKey, early: reader.release() };
  } catch (error) {
    await session.end('the target could not be reached');
    throw error;
  }
}

interface Opened {
  stream: Duplex;
  reader: FrameReader;
  version: number;
  parameters: ClientParameters;
}

/** Encryption and the startup packet, in the orders that clients try. */
async function openStream(
  ctx: LoginContext,
  socket: Socket,
  onStream: (stream: Duplex) => void,
): Promise<Opened | null> {
  let stream: Duplex = socket;
  let reader = createFrameReader(socket);
  for (let round = 0; round < MOST_NEGOTIATIONS; round++) {
    const head = await reader.bytes(1);
    if (head[0] === TLS_HANDSHAKE_BYTE && round === 0) {
      socket.unshift(Buffer.concat([head, reader.release()]));
      stream = await encrypt(ctx, socket, true);
      onStream(stream);
      reader = createFrameReader(stream);
      continue;
    }
    const { code, body } = await readStartupPacket(reader, head);
    if (code === SSL_REQUEST && stream === socket) {
      // Bytes that came with the request were not encrypted and could be anybody's (CVE-2021-23214).
      if (reader.release().length > 0) throw new ProtocolError('violation', 'Data came before TLS began.');
      socket.write('S');
      stream = await encrypt(ctx, socket, false);
      onStream(stream);
      reader = createFrameReader(stream);
    } else if (code === GSSENC_REQUEST) {
      if (reader.waiting() > 0) throw new ProtocolError('violation', 'Data came before an answer.');
      stream.write('N');
    } else if (code === CANCEL_REQUEST) {
      await ctx.cancelKeys.cancel(body, plainAddress(socket.remoteAddress ?? ''));
      return null;
    } else {
      if (stream === socket && !ctx.plainAllowed) {
        throw new ProtocolError(
          'startup',
          'This gateway wants TLS.',
          undefined,
          '28000',
          'Connect with sslmode=require.',
        );
      }
      checkMajor(code);
      return { stream, reader, version: code, parameters: readStartupParameters(body) };
    }
  }
  throw new ProtocolError('violation', 'No startup packet came.');
}

function encrypt(ctx: LoginContext, socket: Socket, direct: boolean): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const stream = new TLSSocket(socket, {
      isServer: true,
      secureContext: ctx.tls,
      ALPNProtocols: ['postgresql'],
    });
    stream.on('error', () => undefined);
    stream.once('error', (error) => reject(new ProtocolError('closed', 'TLS failed.', error)));
    stream.once('close', () => reject(new ProtocolError('closed', 'TLS failed.')));
    stream.once('secure', () => {
      // Direct TLS must name the protocol, so that nobody else's TLS client can be led here.
      if (direct && stream.alpnProtocol !== 'postgresql')
        reject(new ProtocolError('closed', 'Direct TLS needs ALPN.'));
      else resolve(stream);
    });
  });
}

async function openSession(
  ctx: LoginContext,
  socket: Socket,
  parameters: ClientParameters,
  credentialId: string,
): Promise<LiveSession> {
  try {
    return await ctx.sessions.open({
      login: parameters.user,
      credentialId,
      database: parameters.database,
      clientAddress: plainAddress(socket.remoteAddress ?? ''),
      application: cleanName(parameters.application),
    });
  } catch (error) {
    if (!(error instanceof Failure)) {
      throw new ProtocolError(
        'refused',
        'Sallyport cannot open sessions just now.',
        error,
        '57P03',
        'Try again shortly.',
      );
    }
    throw new ProtocolError('refused', error.message, error, REFUSALS[error.kind] ?? '28000', error.hint);
  }
}

const REFUSALS: Partial<Record<Failure['kind'], string>> = {
  unavailable: '57P03',
  limit: '53300',
  timeout: '57P03',
};

/** What the target is told at startup: the client's allowed settings, and ours, which it cannot choose. */
function targetSettings(session: LiveSession, parameters: ClientParameters): Map<string, string> {
  const settings = new Map(parameters.settings);
  const own = cleanName(parameters.application);
  const name = own === null ? session.ticket.label : `${session.ticket.label} ${own}`;
  settings.set('application_name', name.slice(0, LONGEST_APPLICATION_NAME));
  // Strings must mean what the guard reads; and a backend whose session was cut must notice in the middle of work.
  settings.set('standard_conforming_strings', 'on');
  settings.set('client_connection_check_interval', '1s');
  return settings;
}

function checkEncoding(upstream: Upstream): void {
  const encoding = upstream.parameters.get('client_encoding') ?? 'UTF8';
  if (isSafeEncoding(encoding)) return;
  upstream.socket.destroy();
  throw new ProtocolError(
    'startup',
    `The client encoding ${encoding} is not allowed here.`,
    undefined,
    '22023',
    'Set PGCLIENTENCODING=UTF8.',
  );
}

function welcome(upstream: Upstream, cancelKey: CancelKey): Buffer[] {
  const statuses = [...upstream.parameters].map(([name, value]) => parameterStatus(name, value));
  const key = message(FROM_SERVER.backendKey, int32(cancelKey.processId), cancelKey.secret);
  return [...statuses, key, message(FROM_SERVER.ready, 'I')];
}

/** IPv4 addresses that came through an IPv6 socket are IPv4 addresses. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** As PostgreSQL does it: what is not printable ASCII becomes a question mark. */
function cleanName(name: string | null): string | null {
  if (name === null || name === '') return null;
  return name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST_APPLICATION_NAME);
}
