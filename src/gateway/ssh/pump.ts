// Carries one direction of one channel. It reads on only while the other side takes what it gets, the socket there has
// room, and nobody holds it (a slow recording): so a slow reader costs memory for one window, whatever it asked for.

import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export interface PumpInput {
  from: Readable;
  to: Writable;
  /** Below `to`: ssh2 writes to it as far as the other side's window goes, and a window can be very large. */
  socket: Socket;
  /** Sees every byte before it goes on. */
  take(chunk: Buffer): void;
  /** All of it is with `to`. */
  ended(): void;
}

const MOST_UNSENT_BYTES = 4 * 1024 * 1024;
const SINK = 1;
const SOCKET = 2;
const HELD = 4;
const NOTHING = Buffer.alloc(0);

export class Pump {
  readonly #input: PumpInput;
  #blocked = 0;

  constructor(input: PumpInput) {
    this.#input = input;
    const { from, to } = input;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    // Written after all that came before, so that its callback tells of all of it.
    from.once('end', () => to.write(NOTHING, () => input.ended()));
    to.on('drain', () => this.#free(SINK));
    for (const stream of [from, to]) stream.on('error', () => undefined);
    // It may have been paused until somebody listened.
    from.resume();
  }

  hold(held: boolean): void {
    if (held) this.#block(HELD);
    else this.#free(HELD);
  }

  #take(chunk: Buffer): void {
    const { to, socket, take } = this.#input;
    take(chunk);
    if (!to.write(chunk)) this.#block(SINK);
    if (socket.writableLength > MOST_UNSENT_BYTES && (this.#blocked & SOCKET) === 0) {
      this.#block(SOCKET);
      socket.once('drain', () => this.#free(SOCKET));
    }
  }

  #block(reason: number): void {
    this.#blocked |= reason;
    this.#input.from.pause();
  }

  #free(reason: number): void {
    if ((this.#blocked & reason) === 0) return;
    this.#blocked &= ~reason;
    if (this.#blocked === 0) this.#input.from.resume();
  }
}
