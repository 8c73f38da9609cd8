// Logs in to the target with the grant's own identity, which the client never sees. What the target says at login
// (parameters, its cancel key) is kept for the relay; what it refuses is told without anything secret.

import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { SessionTicket } from '../../grants/session-ticket.ts';
import { createFrameReader, type Frame, type FrameReader } from '../../pg-wire/frame-reader.ts';
import {
  CANCEL_REQUEST,
  FROM_SERVER,
  int32,
  PROTOCOL_3_0,
  readSqlFields,
  SSL_REQUEST,
} from '../../pg-wire/frames.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { createScramClient, MECHANISM, type ScramClient } from '../../pg-wire/scram-client.ts';
import { startupBody, startupPacket } from '../../pg-wire/startup-packet.ts';
import { readColumnFunctions } from './column-functions.ts';
import type { ColumnFunctions } from './guard/column-calls.ts';

const LARGEST_LOGIN_MESSAGE_BYTES = 64 * 1024;
const MOST_LOGIN_MESSAGES = 200;
const LOGIN_TIMEOUT_MS = 15_000;

export interface Upstream {
  /** What the relay reads and writes: TLS or the socket itself. */
  stream: Duplex;
  /** The TCP socket below, which alone can be reset. */
  socket: Socket;
  parameters: Map<string, string>;
  /** How the target's backend is cancelled; null where the target gives no key. */
  cancelKey: { processId: number; secret: Buffer } | null;
  /** What a column's place can call there; null where nothing asks. */
  columnFunctions: ColumnFunctions | null;
  /** Notices and the like that came with the login, for the client. */
  early: Buffer;
}

/** `settings` are startup parameters, by name. Errors: ProtocolError `target`, free of secrets. */
export async function connectUpstream(
  ticket: SessionTicket,
  settings: Map<string, string>,
  signal: AbortSignal,
): Promise<Upstream> {
  const socket = await ticket.upstream.dial().catch((cause: unknown) => {
    throw new ProtocolError('target', `The target "${ticket.target}" cannot be reached.`, cause);
  });
  socket.on('error', ignore);
  socket.setNoDelay(true);
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, LOGIN_TIMEOUT_MS);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    signal.throwIfAborted();
    const stream = await secure(socket, ticket.upstream);
    return await logIn(stream, socket, ticket, settings);
  } catch (error) {
    socket.destroy();
    if (error instanceof ProtocolError && error.fault === 'target') throw error;
    throw new ProtocolError('target', `The target "${ticket.target}" broke off the login.`, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

function ignore(): void {}

async function secure(socket: Socket, target: SessionTicket['upstream']): Promise<Duplex> {
  if (target.tls === 'off') return socket;
  const reader = createFrameReader(socket);
  socket.write(Buffer.concat([int32(8), int32(SSL_REQUEST)]));
  const answer = (await reader.bytes(1)).toString('latin1');
  // Bytes that came with the answer were not encrypted and could be anybody's (CVE-2021-23222).
  if (reader.release().length > 0)
    throw new ProtocolError('target', 'The target sent data before TLS began.');
  if (answer === 'S') return upgrade(socket, target);
  if (answer === 'N' && target.tls === 'prefer') return socket;
  throw new ProtocolError('target', 'The target does not offer TLS, which its settings require.');
}

// As libpq has it: without an authority `require` encrypts and verifies nothing (the target still proves by SCRAM that
// it knows our verifier); with one, chain and name are verified.
function upgrade(socket: Socket, target: SessionTicket['upstream']): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const stream = connectTls({
      socket,
      host: target.host,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      ...(target.ca === undefined ? { rejectUnauthorized: false } : { ca: target.ca }),
      ALPNProtocols: ['postgresql'],
    });
    stream.once('secureConnect', () => resolve(stream));
    stream.once('error', reject);
    stream.on('error', ignore);
  });
}

async function logIn(
  stream: Duplex,
  socket: Socket,
  ticket: SessionTicket,
  settings: Map<string, string>,
): Promise<Upstream> {
  const reader = createFrameReader(stream);
  stream.write(startupFor(ticket, settings));
  const scram = createScramClient(ticket.upstream.password.reveal());
  const upstream: Upstream = {
    stream,
    socket,
    parameters: new Map(),
    cancelKey: null,
    columnFunctions: null,
    early: Buffer.alloc(0),
  };
  for (let count = 0; count < MOST_LOGIN_MESSAGES; count++) {
    const frame = await reader.frame(LARGEST_LOGIN_MESSAGE_BYTES);
    if (frame.type === FROM_SERVER.authentication) await authenticate(frame, scram, stream);
    else if (frame.type === FROM_SERVER.ready) return finish(upstream, reader, ticket);
    else keepLoginMessage(upstream, frame, ticket);
  }
  throw new ProtocolError('target', `The target "${ticket.target}" never became ready.`);
}

async function finish(upstream: Upstream, reader: FrameReader, ticket: SessionTicket): Promise<Upstream> {
  if (ticket.guard.lists !== null || ticket.mask !== null)
    upstream.columnFunctions = await readColumnFunctions(upstream.stream, reader, ticket.target, (frame) =>
      keepLoginMessage(upstream, frame, ticket),
    );
  upstream.early = reader.release();
  return upstream;
}

function keepLoginMessage(upstream: Upstream, frame: Frame, ticket: SessionTicket): void {
  switch (frame.type) {
    case FROM_SERVER.parameterStatus: {
      const [name = '', value = ''] = frame.body.toString('utf8').split('\0');
      upstream.parameters.set(name, value);
      return;
    }
    case FROM_SERVER.backendKey:
      if (frame.body.length < 8)
        throw new ProtocolError('target', 'The target sent a cancel key that is too short.');
      upstream.cancelKey = {
        processId: frame.body.readUInt32BE(0),
        secret: unpooled(frame.body.subarray(4)),
      };
      return;
    case FROM_SERVER.error:
      throw targetError(frame.body, ticket);
    case FROM_SERVER.notice:
    case FROM_SERVER.negotiateVersion:
      return;
    default:
      throw new ProtocolError(
        'target',
        `The target "${ticket.target}" does not speak PostgreSQL's protocol.`,
      );
  }
}

async function authenticate(frame: Frame, scram: ScramClient, stream: Duplex): Promise<void> {
  const code = frame.body.length >= 4 ? frame.body.readUInt32BE(0) : -1;
  const text = frame.body.toString('utf8', 4);
  if (code === 0) {
    if (!scram.verified())
      throw new ProtocolError('target', 'The target lets this login in without its password.');
    return;
  }
  if (code === 10 && text.split('\0').includes(MECHANISM)) stream.write(scram.first());
  else if (code === 11) stream.write(await scram.final(text));
  else if (code === 12) scram.verify(text);
  else throw new ProtocolError('target', 'The target asks for a login method other than SCRAM-SHA-256.');
}

/** A target's own refusal: its code and message are for the client, and hold nothing that the client may not know. */
function targetError(body: Buffer, ticket: SessionTicket): ProtocolError {
  const fields = readSqlFields(body);
  const code = /^[0-9A-Z]{5}$/.exec(fields.get('C') ?? '')?.[0] ?? '08001';
  const known: Record<string, string> = {
    '28P01': 'did not accept this login',
    '28000': 'did not accept this login',
    '53300': 'has no free connection',
    '57P03': 'is starting up or shutting down',
    '3D000': 'has no such database',
  };
  const what = known[code] ?? 'refused the connection';
  return new ProtocolError(
    'target',
    `The target "${ticket.target}" ${what} (${code}).`,
    fields.get('M'),
    code,
  );
}

function startupFor(ticket: SessionTicket, settings: Map<string, string>): Buffer {
  const pairs: [string, string][] = [
    ['user', ticket.upstream.user],
    ['database', ticket.upstream.database],
    ...settings,
  ];
  return startupPacket(PROTOCOL_3_0, startupBody(pairs));
}

/** Asks the target to cancel what the backend behind `key` is doing, and resolves when it has taken note. */
export async function cancelUpstream(
  ticket: Pick<SessionTicket, 'upstream'>,
  key: { processId: number; secret: Buffer },
  timeoutMs: number,
): Promise<void> {
  const socket = await ticket.upstream.dial();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on('error', ignore).once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // The server answers by closing, once the signal is sent.
    socket.resume();
    socket.write(
      Buffer.concat([int32(12 + key.secret.length), int32(CANCEL_REQUEST), int32(key.processId), key.secret]),
    );
  });
}

/** A copy by itself: one in Node's pool would keep its 64 KiB as long as the session. */
function unpooled(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length);
  bytes.copy(copy);
  return copy;
}
