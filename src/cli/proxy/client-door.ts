// The proxy towards a tool: startup and a proof of the local password by SCRAM, so that nothing but a proof ever goes
// over the port. After that the client is past its login, and may be told by notices what is being waited for.

import type { Socket } from 'node:net';
import { scramKeys } from '../../base/scram.ts';
import { createFrameReader, type FrameReader } from '../../pg-wire/frame-reader.ts';
import {
  authentication,
  CANCEL_REQUEST,
  errorResponse,
  GSSENC_REQUEST,
  noticeResponse,
  SSL_REQUEST,
} from '../../pg-wire/frames.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { proveClient } from '../../pg-wire/scram-server.ts';
import {
  checkMajor,
  readStartupPacket,
  readStartupPairs,
  settleVersion,
} from '../../pg-wire/startup-packet.ts';
import type { LocalLogin } from './local-login.ts';

const MOST_NEGOTIATIONS = 3;
const TLS_HANDSHAKE_BYTE = 0x16;
const SILENT_LIMIT_MS = 20_000;

/** A client that has proven itself and waits for its session. */
export interface Guest {
  minor: 0 | 2;
  /** What it asked for, but for user and database. */
  settings: [string, string][];
  /** Empty where it named none. */
  database: string;
  reader: FrameReader;
  notice(text: string): void;
}

/** Null: it was told no, or it has gone. A cancel request is handed on as it came. */
export async function welcome(
  socket: Socket,
  login: LocalLogin,
  onCancel: (body: Buffer) => Promise<void>,
): Promise<Guest | null> {
  const silent = setTimeout(() => socket.destroy(), SILENT_LIMIT_MS);
  try {
    return await greet(socket, login, onCancel);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    refuse(socket, error);
    return null;
  } finally {
    clearTimeout(silent);
  }
}

/** One last message, and the end. */
export function refuse(socket: Socket, error: ProtocolError): void {
  if (error.fault === 'closed') socket.destroy();
  else {
    const { sqlstate, message: text, hint } = error;
    socket.end(errorResponse({ severity: 'FATAL', sqlstate, text, ...(hint === undefined ? {} : { hint }) }));
  }
}

async function greet(
  socket: Socket,
  login: LocalLogin,
  onCancel: (body: Buffer) => Promise<void>,
): Promise<Guest | null> {
  const reader = createFrameReader(socket);
  for (let round = 0; round < MOST_NEGOTIATIONS; round++) {
    const head = await reader.bytes(1);
    if (head[0] === TLS_HANDSHAKE_BYTE)
      throw new ProtocolError(
        'startup',
        'The proxy speaks no TLS: nothing leaves this machine in plain text.',
      );
    const { code, body } = await readStartupPacket(reader, head);
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) socket.write('N');
    else if (code === CANCEL_REQUEST) {
      await onCancel(body);
      socket.end();
      return null;
    } else {
      checkMajor(code);
      return prove(socket, reader, login, code, readStartupPairs(body));
    }
  }
  throw new ProtocolError('violation', 'No startup packet came.');
}

async function prove(
  socket: Socket,
  reader: FrameReader,
  login: LocalLogin,
  code: number,
  pairs: [string, string][],
): Promise<Guest> {
  const named = new Map(pairs);
  const user = named.get('user') ?? '';
  const { minor, told } = settleVersion(
    code,
    pairs.map(([name]) => name).filter((name) => name.startsWith('_pq_.')),
  );
  if (told !== null) socket.write(told);
  const keys = await scramKeys(login.password.reveal());
  const proven = await proveClient(
    reader,
    (bytes) => void socket.write(bytes),
    async () => ({ ...keys, candidates: user === login.user ? [{ ...keys, credentialId: user }] : [] }),
  );
  if (proven === null) {
    const text = `password authentication failed for user "${user}"`;
    const hint = 'User and password are the ones that `sally proxy` prints.';
    throw new ProtocolError('password', text, undefined, '28P01', hint);
  }
  socket.write(Buffer.concat([proven.final, authentication(0)]));
  const asked = named.get('database') ?? user;
  return {
    minor,
    settings: pairs.filter(([name]) => name !== 'user' && name !== 'database' && !name.startsWith('_pq_.')),
    // Without one, clients name the database like the user.
    database: asked === user ? '' : asked,
    reader,
    notice: (text) => void socket.write(noticeResponse({ severity: 'NOTICE', sqlstate: '00000', text })),
  };
}
