// What the relay reads and writes: a socket as far as a session needs one, in two ways. Plain TCP on Linux goes by system
// calls (direct/), which costs a third of what Node's streams cost; TLS, and what has no such way, is a stream.
// docs/adr/0022 has the figures.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { takeDirect } from './direct/direct-socket.ts';
import { openSocketLoop } from './direct/socket-loop.ts';

/** Starts paused. */
export interface FastSocket {
  /** What came before anybody listened; the listener's own. */
  readonly early: Buffer;
  readonly closed: boolean;
  /** `bytes` stay the caller's: what cannot go at once is copied. False: send no more before `drain`. Never throws. */
  write(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** After all that was written: `last`, and the end. Closed when the other side ends too. */
  end(last?: Buffer): void;
  /** At once; what is queued is lost. */
  destroy(): void;
  /** The same, and the other side learns that it was broken off (RST): nothing that the kernel still holds is sent. */
  reset(): void;
}

export interface FastSocketEvents {
  /** What arrived. The memory is lent for the length of the call: keep a copy of what is to be kept. */
  chunk(bytes: Buffer): void;
  /** After a `write` that was false: all of it is with the kernel. */
  drain(): void;
  /** The other side sends no more. */
  end(): void;
  /** Once, for whatever reason, never from inside a call to the socket. */
  close(): void;
  /** One of the above threw; the socket is closed. */
  failed(error: unknown): void;
}

/**
 * Makes a fast socket of `stream`, which belongs to it from now on and may be dead then. `below` is the TCP socket that
 * a reset goes to: `stream` itself, or what its TLS runs on.
 */
export type FastSockets = (stream: Duplex, below: Socket | null, events: FastSocketEvents) => FastSocket;

/** The fastest that this machine has. */
export async function fastSockets(): Promise<FastSockets> {
  const loop = await openSocketLoop();
  if (loop === null) return streamSockets;
  return (stream, below, events) => takeDirect(loop, stream, events) ?? streamSockets(stream, below, events);
}

export const streamSockets: FastSockets = (stream, below, events) => new StreamSocket(stream, below, events);

class StreamSocket implements FastSocket {
  readonly early = Buffer.alloc(0);
  readonly #stream: Duplex;
  readonly #below: Socket | null;

  constructor(stream: Duplex, below: Socket | null, events: FastSocketEvents) {
    this.#stream = stream;
    this.#below = below;
    stream.pause();
    stream
      .on('error', () => undefined)
      .on('data', (chunk) => this.#guard(() => events.chunk(chunk), events))
      .on('drain', () => this.#guard(events.drain, events))
      .on('end', () => this.#guard(events.end, events))
      .on('close', events.close);
  }

  get closed(): boolean {
    return this.#stream.destroyed;
  }

  write(bytes: Buffer): boolean {
    if (this.#stream.writableEnded || this.#stream.destroyed) return false;
    // A stream keeps what it is given, and this was only lent.
    return this.#stream.write(Buffer.from(bytes));
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(last?: Buffer): void {
    this.#stream.end(last);
  }

  destroy(): void {
    this.#stream.destroy();
    this.#below?.destroy();
  }

  reset(): void {
    const below = this.#below;
    if (below !== null && !below.destroyed) {
      try {
        below.resetAndDestroy();
      } catch {
        // Not one of the kernel's any more.
        below.destroy();
      }
    }
    this.#stream.destroy();
  }

  #guard(act: () => void, events: FastSocketEvents): void {
    try {
      act();
    } catch (error) {
      this.destroy();
      events.failed(error);
    }
  }
}
