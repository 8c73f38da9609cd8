// The socket that `pg` gets: opened by the target's `dial` and by nothing else (operate.md, "Reach"). TLS is agreed
// here, before `pg` sees a byte, so that `prefer` can go on in plain where the server has none, and so that TLS runs
// on the real socket.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Failure } from '../../../base/errors.ts';
import type { Dial } from '../../contract.ts';
import type { TargetSettings } from './settings.ts';

export const CONNECT_TIMEOUT_MS = 5_000;

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const NO_ANSWER = { code: 'target-down', message: 'The target does not answer as PostgreSQL does.' };
const TLS_FAILED = {
  code: 'target-tls-failed',
  message: 'TLS with the target could not be set up: its certificate may not fit its name or authority.',
};
const CANCEL_CODE = 80_877_102;

/** A socket on which the PostgreSQL startup may begin. Errors: `target-down`, `target-tls-refused`, `target-tls-failed`. */
export async function openSocket(dial: Dial, settings: TargetSettings): Promise<Socket> {
  const socket = await dial({ host: settings.host, port: settings.port, timeoutMs: CONNECT_TIMEOUT_MS });
  socket.setNoDelay(true);
  if (settings.tls === 'off') return socket;
  try {
    const answer = await firstByte(socket);
    if (answer === 'S') return await upgrade(socket, settings);
    if (settings.tls === 'prefer') return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.destroy();
  throw new Failure(
    'unavailable',
    'target-tls-refused',
    'The target does not offer TLS, and its settings require it.',
    {
      hint: 'Switch TLS on at the server, or set tls to "prefer" on a network that you trust.',
    },
  );
}

/** Asks the server to cancel what that backend runs (a connection of its own, as the protocol has it). Never throws. */
export async function sendCancel(
  dial: Dial,
  settings: TargetSettings,
  backend: { pid: number; key: number },
): Promise<void> {
  try {
    const socket = await openSocket(dial, settings);
    const message = Buffer.alloc(16);
    message.writeInt32BE(16, 0);
    message.writeInt32BE(CANCEL_CODE, 4);
    message.writeInt32BE(backend.pid, 8);
    message.writeInt32BE(backend.key, 12);
    socket.on('error', () => undefined);
    socket.end(message);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    socket.resume();
  } catch {
    // The statement then ends by its own timeout.
  }
}

function firstByte(socket: Socket): Promise<string> {
  return within(socket, NO_ANSWER, (resolve) => {
    // Exactly one byte is read: what a man in the middle put behind it must not count as said under TLS.
    socket.once('readable', () => {
      const byte: Buffer | null = socket.read(1);
      if (socket.readableLength > 0 || byte === null)
        socket.destroy(new Error('unexpected answer to SSLRequest'));
      else resolve(byte.toString('latin1'));
    });
    socket.write(SSL_REQUEST);
  });
}

// As libpq has it: without an authority `require` encrypts and verifies nothing; with one, chain and name.
function upgrade(socket: Socket, settings: TargetSettings): Promise<Socket> {
  const isAddress = /^[0-9.]+$|:/.test(settings.host);
  return within(socket, TLS_FAILED, (resolve) => {
    const secure = connectTls({
      socket,
      host: settings.host,
      ...(isAddress ? {} : { servername: settings.host }),
      ...(settings.ca === undefined ? { rejectUnauthorized: false } : { ca: settings.ca }),
    });
    secure.once('secureConnect', () => {
      secure.removeAllListeners('error');
      resolve(secure);
    });
    secure.once('error', (error) => socket.destroy(error));
  });
}

/** One step of the opening, bounded in time. */
function within<T>(
  socket: Socket,
  told: { code: string; message: string },
  act: (resolve: (value: T) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), CONNECT_TIMEOUT_MS);
    const fail = (cause?: unknown) => {
      settle();
      reject(new Failure('unavailable', told.code, told.message, { cause }));
    };
    const settle = () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.off('close', fail);
    };
    socket.on('error', fail);
    socket.on('close', fail);
    act((value) => {
      settle();
      resolve(value);
    });
  });
}

/**
 * What `pg` calls its stream: `connect` dials instead. `pg` wants a stream before it is connected, and a dial gives a
 * connected socket later, so this stands between them and passes bytes on.
 */
export class DialedStream extends Duplex {
  readonly #open: () => Promise<Socket>;
  #socket: Socket | null = null;

  constructor(open: () => Promise<Socket>) {
    super({ allowHalfOpen: false });
    this.#open = open;
  }

  connect(): this {
    this.#open().then(
      (socket) => this.#attach(socket),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return this;
  }

  #attach(socket: Socket): void {
    if (this.destroyed) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    this.emit('connect');
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket === null) done(new Error('not connected'));
    else if (this.#socket.write(chunk, encoding)) done();
    else this.#socket.once('drain', () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket?.destroy();
    done(error);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(on: boolean, delayMs?: number): this {
    this.#socket?.setKeepAlive(on, delayMs);
    return this;
  }

  ref(): this {
    this.#socket?.ref();
    return this;
  }

  unref(): this {
    this.#socket?.unref();
    return this;
  }
}
