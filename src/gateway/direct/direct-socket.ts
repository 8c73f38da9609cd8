// A TCP socket that is ours alone, read and written with system calls (socket-loop.ts says why). Node's socket gives a
// copy of its descriptor and is closed. The number is known to this object only, and forgotten before it is closed:
// there is one place that closes it and no way to a system call afterwards, so that a number which the kernel has
// given to somebody else meanwhile is never touched.

import { Socket } from 'node:net';
import type { FastSocket, FastSocketEvents } from '../fast-socket.ts';
import { READ_BYTES, type Ready, type SocketLoop } from './socket-loop.ts';
import {
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  F_DUPFD_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SHUT_WR,
  SO_LINGER,
  SOL_SOCKET,
} from './system-calls.ts';

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
/** Who writes on and on without waiting for `drain` loses the socket. */
const MOST_QUEUED_BYTES = 64 * 1024 * 1024;
const CLOSED = -1;
const LINGER_BYTES = 8;

/** Null for what is not a plain, open TCP socket with nothing left to write; that one is untouched. */
export function takeDirect(loop: SocketLoop, stream: unknown, events: FastSocketEvents): FastSocket | null {
  // A TLS socket is a Socket too.
  if (!(stream instanceof Socket) || stream.constructor !== Socket) return null;
  if (stream.destroyed || stream.writableLength > 0 || stream.writableEnded) return null;
  const handle: unknown = Reflect.get(stream, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null;
  if (typeof fd !== 'number' || fd < 0) return null;
  const own = loop.calls.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return null;
  stream.pause();
  const early: Buffer[] = [];
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) early.push(chunk);
  stream.removeAllListeners();
  stream.on('error', () => undefined);
  stream.destroy();
  return new DirectSocket(loop, own, Buffer.concat(early), events);
}

class DirectSocket implements FastSocket, Ready {
  readonly early: Buffer;
  readonly #loop: SocketLoop;
  readonly #events: FastSocketEvents;
  readonly #place: number;
  #fd: number;
  /** What epoll was asked for; null: nothing at all. */
  #asked: number | null = null;
  #paused = true;
  /** The other side sends no more. */
  #ended = false;
  /** We send no more than what is queued. */
  #ending = false;
  #queue: Buffer[] = [];
  #queuedBytes = 0;

  constructor(loop: SocketLoop, fd: number, early: Buffer, events: FastSocketEvents) {
    this.#loop = loop;
    this.#fd = fd;
    this.early = early;
    this.#events = events;
    this.#place = loop.add(this);
  }

  get closed(): boolean {
    return this.#fd === CLOSED;
  }

  pause(): void {
    // Epoll learns of it when something comes: most pauses are over before.
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#ask();
  }

  write(bytes: Buffer): boolean {
    if (this.#fd === CLOSED || this.#ending) return false;
    const length = bytes.length;
    if (length === 0) return this.#queue.length === 0;
    if (this.#queue.length > 0) {
      this.#enqueue(Buffer.from(bytes));
      return false;
    }
    const taken = this.#send(bytes);
    if (taken === length) return true;
    if (taken >= 0) this.#enqueue(Buffer.from(bytes.subarray(taken)));
    return false;
  }

  end(last?: Buffer): void {
    if (this.#fd === CLOSED || this.#ending) return;
    if (last !== undefined) this.write(last);
    this.#ending = true;
    if (this.#queue.length === 0) this.#finish();
  }

  destroy(): void {
    this.#close();
  }

  reset(): void {
    if (this.#fd === CLOSED) return;
    const { address, bytes } = this.#loop.read;
    // struct linger: on, and no seconds.
    new Int32Array(bytes, 0, 2).set([1, 0]);
    this.#loop.calls.setsockopt(this.#fd, SOL_SOCKET, SO_LINGER, address, LINGER_BYTES);
    this.#close();
  }

  /** Only the loop calls this. What a handler throws ends this socket and is told; it never reaches the loop. */
  ready(events: number): void {
    try {
      if (this.#queue.length > 0 && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) !== 0) this.#flush();
      if (this.#fd === CLOSED || (events & ~EPOLLOUT) === 0) return;
      if (!this.#paused && !this.#ended) this.#read();
      else if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#askFor(null);
      else this.#ask();
    } catch (error) {
      this.#close();
      this.#events.failed(error);
    }
  }

  #read(): void {
    const { calls, read } = this.#loop;
    const got = calls.recv(this.#fd, read.address, READ_BYTES, MSG_DONTWAIT);
    if (got > 0) this.#events.chunk(this.#loop.view(got));
    else if (got === 0) {
      this.#ended = true;
      this.#ask();
      this.#events.end();
      // As Node's sockets: who hears the end and does nothing says goodbye too.
      if (this.#ending && this.#queue.length === 0) this.#close();
      else this.end();
    } else if (!isTransient(calls.errno())) this.#close();
  }

  /** How many bytes the kernel took; -1: the connection is broken, and closed. */
  #send(bytes: Buffer): number {
    const { calls, read } = this.#loop;
    const taken =
      bytes.buffer === read.bytes
        ? calls.send(this.#fd, read.address + bytes.byteOffset, bytes.length, SEND_FLAGS)
        : calls.sendBuffer(this.#fd, bytes, bytes.length, SEND_FLAGS);
    if (taken >= 0) return taken;
    if (isTransient(calls.errno())) return 0;
    this.#close();
    return -1;
  }

  /** `bytes` belong to the queue. */
  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > MOST_QUEUED_BYTES) this.#close();
    else if (this.#queue.length === 1) this.#ask();
  }

  #flush(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const taken = this.#send(head);
      if (taken < 0) return;
      this.#queuedBytes -= taken;
      if (taken < head.length) {
        this.#queue[0] = head.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    this.#ask();
    if (this.#ending) this.#finish();
    else this.#events.drain();
  }

  /** All that was to be sent is with the kernel. */
  #finish(): void {
    if (this.#ended) this.#close();
    else this.#loop.calls.shutdown(this.#fd, SHUT_WR);
  }

  #ask(): void {
    if (this.#fd === CLOSED) return;
    const reading = this.#paused || this.#ended ? 0 : EPOLLIN;
    this.#askFor(reading | (this.#queue.length > 0 ? EPOLLOUT : 0));
  }

  /** Errors and hang-ups are told whatever is asked for, again and again: then null is the way to quiet. */
  #askFor(wanted: number | null): void {
    if (wanted === this.#asked || (this.#asked === null && wanted === 0)) return;
    if (this.#loop.ask(this.#place, this.#fd, wanted, this.#asked)) this.#asked = wanted;
    else this.#close();
  }

  #close(): void {
    const fd = this.#fd;
    if (fd === CLOSED) return;
    if (this.#asked !== null) this.#loop.ask(this.#place, fd, null, this.#asked);
    this.#fd = CLOSED;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#loop.remove(this.#place);
    this.#loop.calls.close(fd);
    process.nextTick(() => this.#events.close());
  }
}

function isTransient(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR;
}
