// Answers to what the gateway itself asked the target in a session: kept from the client, whole messages, up to so many
// ReadyForQuery. What the target says by itself meanwhile is for the client.

import { FROM_SERVER, HEADER_BYTES } from '../../pg-wire/frames.ts';

/** More than this is not kept; it is read all the same. */
const LARGEST_KEPT_BYTES = 256 * 1024;

export class Look {
  readonly #kept: Buffer[] = [];
  readonly #pass: (bytes: Buffer) => void;
  readonly #done: (answers: Buffer[]) => void;
  #held: Buffer = Buffer.alloc(0);
  #keptBytes = 0;
  #readies: number;

  constructor(readies: number, pass: (bytes: Buffer) => void, done: (answers: Buffer[]) => void) {
    this.#readies = readies;
    this.#pass = pass;
    this.#done = done;
  }

  /** Null: still under way. Otherwise what came behind the last answer, which is not ours. */
  take(chunk: Buffer): Buffer | null {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= HEADER_BYTES) {
      const end = 1 + this.#held.readUInt32BE(1);
      if (this.#held.length < end || end < HEADER_BYTES) return null;
      const whole = this.#held.subarray(0, end);
      this.#held = this.#held.subarray(end);
      this.#message(whole);
      if (this.#readies > 0) continue;
      this.#done(this.#kept);
      return this.#held;
    }
    return null;
  }

  #message(whole: Buffer): void {
    const type = whole[0];
    if (type === FROM_SERVER.notification || type === FROM_SERVER.parameterStatus) this.#pass(whole);
    else if (this.#keptBytes + whole.length <= LARGEST_KEPT_BYTES) {
      this.#kept.push(whole);
      this.#keptBytes += whole.length;
    }
    if (type === FROM_SERVER.ready) this.#readies--;
  }
}
