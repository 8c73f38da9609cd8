// Reading and writing a TCP socket without a stream in between; the relay's hot path does nothing else. Node's
// `onread` puts what comes into one buffer that all sockets share, and calls back; without it every read makes a
// 64 kB buffer and goes through a Readable. Node offers `onread` for sockets that it connects, not for those that it
// accepts, so a socket that has logged in gives its handle to a fresh one. Writing goes to the handle too: a Writable
// costs as much again as the relay's own work (measured: 24.3 us of the gateway's time for a select with it, 21.7
// without, 17.8 for a pipe that looks at nothing; docs/adr/0015). The handle is not part of Node's documented
// interface: where it is not what we know, the socket is a stream as ever.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const SHARED_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);

export interface FastSocket {
  /** To pause, end and close, and to hear `drain`, `end` and `close`. */
  stream: Duplex;
  /** What came before `onChunk` was called. */
  early: Buffer;
  /** `bytes` are the socket's from now on. False: send no more before the stream's `drain`. */
  write(bytes: Buffer): boolean;
}

/**
 * From now on `onChunk` gets what arrives on `stream`; each chunk is its own memory. What to write to and close may be
 * another object: the old one is dead then. It is paused.
 */
export function fastSocket(stream: Duplex, onChunk: (chunk: Buffer) => void): FastSocket {
  stream.pause();
  const handle = stream instanceof Socket ? takeHandle(stream) : null;
  if (handle === null) {
    stream.on('data', onChunk);
    return { stream, early: Buffer.alloc(0), write: (bytes) => stream.write(bytes) };
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
  return { stream: fresh, early: Buffer.concat(early), write: writerOf(fresh, handle) };
}

interface Handle {
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

/** The handle of a plain, open TCP socket, taken from it; null for everything else. */
function takeHandle(socket: Socket): Handle | null {
  // A TLS socket is a Socket too, and its handle is another kind.
  if (socket.constructor !== Socket || socket.destroyed || socket.writableLength > 0) return null;
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isHandle(handle)) return null;
  Reflect.set(socket, '_handle', null);
  return handle;
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    'writeBuffer' in handle &&
    typeof handle.writeBuffer === 'function'
  );
}

/** What Node gives libuv for a write that the kernel does not take at once; untouched by one that it does. */
interface WriteRequest {
  handle: Handle;
  buffer: Buffer;
  oncomplete(): void;
}

interface Writing {
  WriteWrap: new () => WriteRequest;
  /** At `kLastWriteWasAsync`: whether the last write is still under way. */
  streamBaseState: ArrayLike<number>;
  kLastWriteWasAsync: number;
}

const writing = knownWriting();
let request: WriteRequest | null = null;

function writerOf(socket: Socket, handle: Handle): (bytes: Buffer) => boolean {
  if (writing === null) return (bytes) => socket.write(bytes);
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = writing;
  let underWay = 0;
  return (bytes) => {
    // What the stream still holds goes first; and what is closed knows best what to say.
    if (socket.writableLength > 0 || socket.writableEnded || socket.destroyed) return socket.write(bytes);
    request ??= new WriteWrap();
    const failed = handle.writeBuffer(request, bytes) !== 0;
    if (!failed && streamBaseState[kLastWriteWasAsync] === 0) return true;
    const used = request;
    request = null;
    if (failed) {
      socket.destroy();
      return true;
    }
    used.handle = handle;
    used.buffer = bytes;
    underWay++;
    used.oncomplete = () => {
      underWay--;
      // The stream tells of what it has of its own.
      if (underWay === 0 && socket.writableLength === 0) socket.emit('drain');
    };
    return false;
  };
}

function knownWriting(): Writing | null {
  const binding: unknown = Reflect.get(process, 'binding');
  if (typeof binding !== 'function') return null;
  try {
    const found: unknown = Reflect.apply(binding, process, ['stream_wrap']);
    return isWriting(found) ? found : null;
  } catch {
    return null;
  }
}

function isWriting(found: unknown): found is Writing {
  return (
    typeof found === 'object' &&
    found !== null &&
    'WriteWrap' in found &&
    typeof found.WriteWrap === 'function' &&
    'kLastWriteWasAsync' in found &&
    typeof found.kLastWriteWasAsync === 'number' &&
    'streamBaseState' in found &&
    ArrayBuffer.isView(found.streamBaseState)
  );
}
