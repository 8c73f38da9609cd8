// One session that is open: its recording, its deadline by the monotonic clock, and the ways in which it ends. The
// gateway hangs itself in with `attach`; whoever ends it, the closing is the same.

import { after, monotonicMs, type Timer } from '../base/timer.ts';
import type { LiveVerdict, SessionTicket } from '../grants/session-ticket.ts';
import type { Budget } from './budgets.ts';
import { Deadline } from './deadline.ts';
import type { Begun, Recorder } from './recorder.ts';

/** What the session's relay does for it. All of them return at once. */
export interface SessionHandlers {
  /** To cut (lifecycle.md): `said` goes to the client, `reason` into the row and the log. */
  cut(said: string, reason: string): void;
  /** A notice to the client, when one can be put in; false: not just now. */
  warn(said: string): boolean;
  /** True: read nothing more from the client until it is false. */
  pause(waiting: boolean): void;
  /**
   * The deadline of a soft landing: nothing new begins. True when something still runs; `landed` is called when it has
   * finished.
   */
  land(landed: () => void): boolean;
  /** Statements under way that the recording does not know. */
  running(): Begun[];
}

export interface LiveSession {
  readonly ticket: SessionTicket;
  readonly recorder: Recorder;
  /** Monotonic ms; offsets in the recording count from here. */
  readonly startedAt: number;
  /** What it may read of its grant's budget; null: nothing limits it. */
  readonly budget: Budget | null;
  attach(handlers: SessionHandlers): void;
  /** The relay is gone: closes the recording and the row. Ending twice is one effect. */
  end(reason: string): Promise<void>;
}

// What a person is told, and how long before.
const WARNINGS_MS = [15 * 60_000, 5 * 60_000] as const;
/** Less than this is not worth new timers. */
const NOISE_MS = 20;
const WARN_AGAIN_MS = 1_000;
/** Kept for those who watch. */
const MOST_TOLD = 20;
/** A poll and its answer; only then is the store away. */
const STORE_PATIENCE_MS = 2_500;

export class Live implements LiveSession {
  readonly ticket: SessionTicket;
  readonly recorder: Recorder;
  readonly startedAt: number;
  budget: Budget | null = null;
  readonly #whenOver: (live: Live, reason: string, durationMs: number) => Promise<void>;
  #handlers: SessionHandlers | null = null;
  readonly #deadline: Deadline;
  /** What the timers are set to (monotonic ms). */
  #armedFor = 0;
  /** Of this end; another is warned of again. */
  readonly #warned = new Set<number>();
  #timers: Timer[] = [];
  #cutReason: { said: string; reason: string } | null = null;
  #pausedBefore = false;
  #landing = false;
  #over: Promise<void> | null = null;
  /** What its client was told, the newest last. */
  readonly told: { atMs: number; text: string }[] = [];

  /** `askedAt` and `answeredAt`: monotonic ms before the ticket was asked for, and when it was there. */
  constructor(
    ticket: SessionTicket,
    recorder: Recorder,
    times: { askedAt: number; answeredAt: number; startedAt: number },
    whenOver: (live: Live, reason: string, durationMs: number) => Promise<void>,
  ) {
    this.ticket = ticket;
    this.recorder = recorder;
    this.startedAt = times.startedAt;
    this.#whenOver = whenOver;
    this.#deadline = new Deadline({ ...ticket, ...times });
    this.#arm();
  }

  get over(): boolean {
    return this.#over !== null;
  }

  attach(handlers: SessionHandlers): void {
    this.#handlers = handlers;
    if (this.#pausedBefore) handlers.pause(true);
    if (this.#cutReason !== null) handlers.cut(this.#cutReason.said, this.#cutReason.reason);
  }

  cut(said: string, reason: string): void {
    if (this.#cutReason !== null || this.#over !== null) return;
    this.#cutReason = { said, reason };
    this.#noteTold(said);
    this.#handlers?.cut(said, reason);
  }

  pause(waiting: boolean): void {
    this.#pausedBefore = waiting;
    this.#handlers?.pause(waiting);
  }

  /** Four times a second: what is known goes to the recording. */
  tick(): void {
    if (this.#over === null) this.recorder.flush(this.#handlers?.running() ?? []);
  }

  end(reason: string): Promise<void> {
    this.#over ??= this.#finish(reason);
    return this.#over;
  }

  async #finish(reason: string): Promise<void> {
    this.#disarm();
    await this.#whenOver(this, this.#cutReason?.reason ?? reason, monotonicMs() - this.startedAt);
  }

  /** What the store says now; the times as in the constructor. */
  judge(verdict: LiveVerdict | undefined, times: { askedAt: number; answeredAt: number }): void {
    if (verdict === undefined) return;
    if (verdict === 'over') {
      this.#cutNow();
      return;
    }
    // What may still finish was fixed at the deadline.
    if (this.#landing) return;
    if (this.#deadline.learn({ ...verdict, ...times })) this.#warned.clear();
    if (Math.abs(this.#deadline.at - this.#armedFor) >= NOISE_MS) this.#arm();
  }

  /** The store has last answered at `answeredAt` (monotonic ms). */
  withoutStore(answeredAt: number): void {
    const silentMs = monotonicMs() - Math.max(answeredAt, this.startedAt);
    if (silentMs < this.ticket.storeGraceMs + STORE_PATIENCE_MS) return;
    this.cut('Your session ended because Sallyport cannot reach its store.', 'the store was away');
  }

  #cutNow(): void {
    const time = new Date().toISOString().slice(11, 16);
    this.cut(`Your access ended at ${time} UTC.`, 'expired');
  }

  /** At the deadline: what runs may finish within a bounded grace, if policy says so; all else is cut. */
  #expire(): void {
    const { landingMs } = this.ticket;
    if (this.#landing) return;
    this.#landing = landingMs > 0;
    const runs = this.#landing && this.#handlers?.land(() => this.#cutNow()) === true;
    if (runs) this.#timers.push(after(landingMs, () => this.#cutNow()));
    else this.#cutNow();
  }

  #arm(): void {
    this.#disarm();
    this.#armedFor = this.#deadline.at;
    const leftMs = this.#armedFor - monotonicMs();
    this.#timers = [after(leftMs, () => this.#expire())];
    for (const beforeMs of WARNINGS_MS) {
      if (leftMs > beforeMs && !this.#warned.has(beforeMs))
        this.#timers.push(after(leftMs - beforeMs, () => this.#warn(beforeMs)));
    }
  }

  #warn(beforeMs: number): void {
    this.#warned.add(beforeMs);
    this.tell(
      `Your access ends in ${beforeMs / 60_000} minutes. Extend it with: sally extend ${this.ticket.grantId}`,
    );
  }

  /** A notice, as soon as one can be put in. */
  tell(said: string): void {
    if (this.#over !== null || this.#handlers === null) return;
    if (this.#handlers.warn(said)) this.#noteTold(said);
    else after(WARN_AGAIN_MS, () => this.tell(said));
  }

  #noteTold(text: string): void {
    if (this.told.length >= MOST_TOLD) this.told.shift();
    this.told.push({ atMs: Date.now(), text });
  }

  #disarm(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }
}
