// The bytes of a message that is not whole yet. They grow by doubling, so that who sends a large one byte by byte costs no
// more than who sends it at once.

const NOTHING = Buffer.alloc(0);

export class Held {
  #bytes: Buffer = NOTHING;
  #length = 0;

  /** All that is held, with what has arrived, which is kept too if anything is. */
  join(arrived: Buffer): Buffer {
    if (this.#length === 0) return arrived;
    this.#add(arrived);
    return this.#bytes.subarray(0, this.#length);
  }

  /** Of what `join` gave, this is still to be held: all of it, or its end. A copy: what arrived is only lent. */
  keep(rest: Buffer): void {
    if (rest.length === this.#length) return;
    // What was passed on may still be on its way, so its bytes are not written over.
    this.#bytes = NOTHING;
    this.#length = 0;
    this.#add(rest);
  }

  #add(more: Buffer): void {
    const length = this.#length + more.length;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(
        this.#length === 0 ? length : Math.max(length, 2 * this.#bytes.length),
      );
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    more.copy(this.#bytes, this.#length);
    this.#length = length;
  }
}
