// The moment at which a session ends, by the monotonic clock of its gateway. The store says how much is left, at some
// moment between the question and its answer, so each answer gives a span that holds the deadline. Spans are put
// together: a slow answer makes a session end early by what it took, and the next quick one mends that.

/** What the store said of a grant's end. */
export interface TimeLeft {
  remainingMs: number;
  /** The end by the store's clock (Unix ms). */
  expiresAtMs: number;
  /** Monotonic ms before the question, and after the answer. */
  askedAt: number;
  answeredAt: number;
}

export class Deadline {
  #expiresAtMs: number;
  #earliest: number;
  #latest: number;

  constructor(left: TimeLeft) {
    this.#expiresAtMs = left.expiresAtMs;
    this.#earliest = left.askedAt + left.remainingMs;
    this.#latest = left.answeredAt + left.remainingMs;
  }

  /** Monotonic ms; rather early than late. */
  get at(): number {
    return this.#earliest;
  }

  /**
   * Another answer; true: the grant has another end. A store's clock that is set back gives no more time, one that is set
   * forward takes it.
   */
  learn(left: TimeLeft): boolean {
    const earliest = left.askedAt + left.remainingMs;
    const latest = left.answeredAt + left.remainingMs;
    const sameEnd = left.expiresAtMs === this.#expiresAtMs;
    if (sameEnd && earliest > this.#latest) return false;
    const apart = !sameEnd || latest < this.#earliest;
    this.#expiresAtMs = left.expiresAtMs;
    this.#earliest = apart ? earliest : Math.max(this.#earliest, earliest);
    this.#latest = apart ? latest : Math.min(this.#latest, latest);
    return !sameEnd;
  }
}
