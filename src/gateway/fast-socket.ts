// Reading from a TCP socket without a stream in between. Node's `onread` puts what comes into one buffer that all
// sockets share, and calls back; without it every read makes a 64 kB buffer and goes through a Readable (measured:
// a third of the time that a relay spends outside the kernel). Node offers `onread` for sockets that it connects,
// not for those that it accepts, so a socket that has logged in gives its handle to a fresh one. The handle is not
// part of Node's documented interface: where it is not what we know, the socket is read as a stream.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const SHARED_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);

/**
 * From now on `onChunk` gets what arrives on `stream`; each chunk is its own memory. Returns what to write to, pause
 * and close, which may be another object: the old one is dead then. It is paused; `early` came before.
 */
export function readFast(
  stream: Duplex,
  onChunk: (chunk: Buffer) => void,
): { stream: Duplex; early: Buffer } {
  stream.pause();
  const handle = stream instanceof Socket ? takeHandle(stream) : null;
  if (handle === null) {
    stream.on('data', onChunk);
    return { stream, early: Buffer.alloc(0) };
  }
  const early: Buffer[] = [];
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) early.push(chunk);
  stream.removeAllListeners();
  const options = {
    handle,
    pauseOnCreate: true,
    onread: {
      buffer: shared,
      callback(bytes: number, buffer: Uint8Array) {
        // Small chunks come out of Node's pool; large ones cost no more than a stream's.
        const chunk = Buffer.allocUnsafe(bytes);
        chunk.set(buffer.subarray(0, bytes));
        onChunk(chunk);
        return true;
      },
    },
  };
  const fresh: Socket = Reflect.construct(Socket, [options]);
  fresh.on('error', () => undefined);
  return { stream: fresh, early: Buffer.concat(early) };
}

/** The handle of a plain, open TCP socket, taken from it; null for everything else. */
function takeHandle(socket: Socket): object | null {
  // A TLS socket is a Socket too, and its handle is another kind.
  if (socket.constructor !== Socket || socket.destroyed || socket.writableLength > 0) return null;
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return null;
  Reflect.set(socket, '_handle', null);
  return handle;
}
