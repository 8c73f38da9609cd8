// The proxy towards the gateway: TLS as the address says, startup with what the tool asked for, and the grant's own
// login by SCRAM, in which the gateway proves itself too.

import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createFrameReader, type Frame } from '../../pg-wire/frame-reader.ts';
import {
  CANCEL_REQUEST,
  FROM_SERVER,
  PROTOCOL_3_0,
  PROTOCOL_3_2,
  readSqlFields,
  SSL_REQUEST,
} from '../../pg-wire/frames.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { createScramClient, MECHANISM } from '../../pg-wire/scram-client.ts';
import { startupBody, startupPacket } from '../../pg-wire/startup-packet.ts';
import type { Dsn } from '../dsn.ts';
import type { Guest } from './client-door.ts';

const LARGEST_LOGIN_MESSAGE_BYTES = 64 * 1024;
const MOST_LOGIN_MESSAGES = 20;
const LOGIN_LIMIT_MS = 30_000;
const CANCEL_LIMIT_MS = 5_000;

/** Logged in; everything from here on is the client's, `early` first. */
export interface Link {
  stream: Duplex;
  early: Buffer;
}

/** Errors: ProtocolError with the gateway's own words; `password` where it does not know this secret. */
export async function openLink(dsn: Dsn, guest: Guest): Promise<Link> {
  const stream = await dialGateway(dsn);
  const timer = setTimeout(() => stream.destroy(), LOGIN_LIMIT_MS);
  try {
    return await logIn(stream, dsn, guest);
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A cancel request as the client sent it: its key is the gateway's, so the gateway knows it. */
export async function passCancel(dsn: Dsn, body: Buffer): Promise<void> {
  const stream = await dialGateway(dsn);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => stream.destroy(), CANCEL_LIMIT_MS);
    stream.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    stream.resume();
    stream.write(startupPacket(CANCEL_REQUEST, body));
  });
}

async function dialGateway(dsn: Dsn): Promise<Duplex> {
  const socket = connect({ host: dsn.host, port: dsn.port, noDelay: true });
  socket.on('error', () => undefined);
  try {
    await opened(socket, 'connect');
    if (dsn.sslMode === null || ['disable', 'allow', 'prefer'].includes(dsn.sslMode)) return socket;
    const reader = createFrameReader(socket);
    socket.write(startupPacket(SSL_REQUEST, Buffer.alloc(0)));
    const answer = (await reader.bytes(1)).toString('latin1');
    // What came with the answer was not encrypted and could be anybody's (CVE-2021-23222).
    if (reader.release().length > 0 || answer !== 'S') throw new Error('It does not offer TLS.');
    const stream = connectTls({
      socket,
      host: dsn.host,
      servername: dsn.host,
      rejectUnauthorized: dsn.sslMode.startsWith('verify-'),
      ALPNProtocols: ['postgresql'],
    });
    stream.on('error', () => undefined);
    await opened(stream, 'secureConnect');
    return stream;
  } catch (cause) {
    socket.destroy();
    throw new ProtocolError(
      'target',
      `The gateway at ${dsn.host}:${dsn.port} cannot be reached.`,
      cause,
      '08001',
    );
  }
}

function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('It closed the connection.')));
  });
}

async function logIn(stream: Duplex, dsn: Dsn, guest: Guest): Promise<Link> {
  const reader = createFrameReader(stream);
  const pairs: [string, string][] = [
    ['user', dsn.user],
    ['database', guest.database === '' ? dsn.database : guest.database],
    ...guest.settings,
  ];
  stream.write(startupPacket(guest.minor === 2 ? PROTOCOL_3_2 : PROTOCOL_3_0, startupBody(pairs)));
  const scram = createScramClient(dsn.password.reveal());
  for (let count = 0; count < MOST_LOGIN_MESSAGES; count++) {
    const { type, body } = await reader.frame(LARGEST_LOGIN_MESSAGE_BYTES);
    if (type === FROM_SERVER.error) throw refusal({ type, body });
    if (type !== FROM_SERVER.authentication || body.length < 4) break;
    const code = body.readUInt32BE(0);
    const text = body.toString('utf8', 4);
    if (code === 10 && text.split('\0').includes(MECHANISM)) stream.write(scram.first());
    else if (code === 11) stream.write(await scram.final(text));
    else if (code === 12) scram.verify(text);
    else if (code === 0 && scram.verified()) return { stream, early: reader.release() };
    else break;
  }
  throw new ProtocolError('target', 'What answers there is not the gateway.', undefined, '08P01');
}

function refusal({ body }: Frame): ProtocolError {
  const fields = readSqlFields(body);
  const code = /^[0-9A-Z]{5}$/.exec(fields.get('C') ?? '')?.[0] ?? '08004';
  const fault = code.startsWith('28') ? 'password' : 'refused';
  return new ProtocolError(
    fault,
    fields.get('M') ?? 'The gateway refused.',
    undefined,
    code,
    fields.get('H'),
  );
}
