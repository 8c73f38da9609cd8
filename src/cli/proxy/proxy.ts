// A port on this machine for a tool that is open already: whoever proves the local password gets a session of the
// grant, as soon as there is one. After the login the proxy only passes bytes on, both ways, each as fast as its reader.

import { createServer, type Server, type Socket } from 'node:net';
import { codeOf, Failure } from '../../base/errors.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { type Dsn, parseDsn } from '../dsn.ts';
import { printable } from '../printable.ts';
import type { AccessKeeper } from './access-keeper.ts';
import { type Guest, refuse, welcome } from './client-door.ts';
import { type Link, openLink, passCancel } from './gateway-link.ts';
import type { LocalLogin } from './local-login.ts';

const MOST_CLIENTS = 100;
/** How long a client has to take its last message. */
const FAREWELL_MS = 500;
const ENDING = new ProtocolError('refused', 'The proxy is ending.', undefined, '57P01');

export interface Proxy {
  port: number;
  /** Ends every session, and listens no more. */
  close(): Promise<void>;
}

/** `port` null: any free one. Errors: `port-taken`. */
export async function startProxy(options: {
  port: number | null;
  login: LocalLogin;
  keeper: AccessKeeper;
  say: (text: string) => void;
}): Promise<Proxy> {
  const { login, keeper, say } = options;
  const clients = new Set<Socket>();
  /** Those that wait for access; the others are told by the gateway. */
  const waiting = new Set<Socket>();
  let gateway: Dsn | null = null;

  async function serve(socket: Socket): Promise<void> {
    const guest = await welcome(socket, login, async (body) => {
      if (gateway !== null) await passCancel(gateway, body);
    });
    if (guest === null) return;
    waiting.add(socket);
    try {
      const link = await linkFor(socket, guest);
      if (socket.destroyed) link.stream.destroy();
      else join(socket, guest, link);
    } finally {
      waiting.delete(socket);
    }
  }

  /** A grant may end, or its secret be used up, between two connections: then there is one more try with what is found. */
  async function linkFor(socket: Socket, guest: Guest): Promise<Link> {
    for (let tries = 0; ; tries++) {
      const access = await keeper.obtain((text) => guest.notice(text));
      if (socket.destroyed) throw new ProtocolError('closed', 'The client has gone.');
      gateway = parseDsn(access.issued.dsn);
      try {
        return await openLink(gateway, guest);
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.fault !== 'password') throw error;
        keeper.drop(access);
        if (tries > 0) throw error;
      }
    }
  }

  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    if (clients.size > MOST_CLIENTS) {
      refuse(socket, new ProtocolError('limit', 'Too many connections to this proxy.'));
      return;
    }
    serve(socket).catch((error: unknown) => {
      const told = toldAs(error);
      if (told.fault !== 'closed') say(printable(`A connection was refused: ${told.message}`));
      refuse(socket, told);
    });
  });
  const port = await listen(server, options.port);
  return {
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of clients) {
        if (waiting.has(socket)) refuse(socket, ENDING);
        else socket.end();
      }
      setTimeout(() => {
        for (const socket of clients) socket.destroy();
      }, FAREWELL_MS).unref();
      await closed;
    },
  };
}

function join(socket: Socket, guest: Guest, { stream, early }: Link): void {
  stream.write(guest.reader.release());
  socket.write(early);
  socket.pipe(stream);
  stream.pipe(socket);
  stream.once('close', () => socket.end());
  socket.once('close', () => stream.destroy());
}

function toldAs(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (!(error instanceof Failure)) return new ProtocolError('refused', 'The proxy failed.', error, 'XX000');
  const code = error.kind === 'denied' ? '28000' : '57P03';
  return new ProtocolError('refused', printable(error.message), error, code, error.hint);
}

function listen(server: Server, port: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const taken = codeOf(cause) === 'EADDRINUSE';
      const text = taken ? `Port ${port} is taken.` : `Port ${port} cannot be listened on.`;
      const hint = 'Is another `sally proxy` running? Otherwise choose one with --port.';
      reject(new Failure('conflict', 'port-taken', text, { hint, cause }));
    });
    server.listen({ host: '127.0.0.1', port: port ?? 0 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
