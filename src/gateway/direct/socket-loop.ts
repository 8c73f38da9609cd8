// Waits for sockets and for libuv at once, so that a session's bytes cost a system call to wait, one to read and one to
// write, as in a proxy in C. Through libuv each chunk costs its loop, two calls into JavaScript and their bookkeeping,
// more than all of the kernel's work (docs/adr/0022).
//
// How. Right before libuv would wait, we wait in its place: one epoll holds our sockets and libuv's own descriptor. What
// comes on a socket is handled here; as soon as libuv has something to do (its descriptor is readable, a timer is due,
// or what was just handled gave it work) it gets its turn, and does not wait itself while we have sockets. Without
// sockets all this is off.
//
// An event names a place and how often that place was given away, never a descriptor: an event that was fetched before
// its socket was closed can meet nobody else, even when the number of the descriptor is somebody's again.

import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EVENT_BYTES,
  EVENT_DATA_AT,
  EVENT_WORDS,
  type Libuv,
  loadSystemCalls,
  type Memory,
  type Switch,
  type SystemCalls,
} from './system-calls.ts';

/** What the loop calls when something came; never throws. `events`: EPOLLIN and the like. */
export interface Ready {
  ready(events: number): void;
}

export const READ_BYTES = 64 * 1024;
const MOST_EVENTS = 256;
/** Then libuv gets its turn whether it asks for it or not. */
const MOST_ROUNDS = 1_000;
const LARGEST_KEPT_VIEW = 2_048;
const LIBUV_PLACE = 0xffff_ffff;

let opened: Promise<SocketLoop | null> | null = null;

/** The one of this process; null where there cannot be one. */
export function openSocketLoop(): Promise<SocketLoop | null> {
  opened ??= loadSystemCalls().then((calls) => {
    const epoll = calls?.epollCreate(EPOLL_CLOEXEC) ?? -1;
    return calls === null || epoll < 0 ? null : new SocketLoop(calls, epoll);
  });
  return opened;
}

export class SocketLoop {
  readonly calls: SystemCalls;
  /** What was read last; whoever is called next overwrites it. */
  readonly read: Memory;
  readonly #libuv: Libuv;
  readonly #epoll: number;
  readonly #events: Memory;
  readonly #eventWords: Uint32Array;
  /** One event, for epoll_ctl. */
  readonly #wanted: Memory;
  readonly #wantedWords: Uint32Array;
  readonly #places: (Ready | null)[] = [];
  /** How often each place was given away. */
  readonly #turns: number[] = [];
  readonly #free: number[] = [];
  readonly #waiting: Switch;
  readonly #hurry: Switch;
  readonly #runTicks: () => void;
  /** Of the memory read into, by length. */
  readonly #views: (Buffer | undefined)[] = [];
  #open = 0;

  constructor(calls: SystemCalls, epoll: number) {
    this.calls = calls;
    this.#libuv = calls.libuv;
    this.#epoll = epoll;
    this.read = calls.memory(READ_BYTES);
    this.#events = calls.memory(MOST_EVENTS * EVENT_BYTES);
    this.#eventWords = new Uint32Array(this.#events.bytes);
    this.#wanted = calls.memory(EVENT_BYTES);
    this.#wantedWords = new Uint32Array(this.#wanted.bytes);
    const tick: unknown = Reflect.get(process, '_tickCallback');
    this.#runTicks = typeof tick === 'function' ? () => Reflect.apply(tick, process, []) : () => undefined;
    if (!this.#control(EPOLL_CTL_ADD, this.#libuv.fd, EPOLLIN, LIBUV_PLACE, 0))
      throw new Error('The event loop of Node cannot be watched.');
    this.#waiting = this.#libuv.beforeWaiting(() => this.#wait());
    this.#hurry = this.#libuv.hurry();
    // While Node takes itself apart it turns its loop again, and nobody may be called then.
    process.once('exit', () => this.#rest());
  }

  /** How many sockets there are. */
  get open(): number {
    return this.#open;
  }

  /** A place for `socket`, to be given back with `remove`. */
  add(socket: Ready): number {
    const place = this.#free.pop() ?? this.#places.push(null) - 1;
    this.#places[place] = socket;
    this.#turns[place] = ((this.#turns[place] ?? 0) + 1) >>> 0;
    if (this.#open++ === 0) this.#waiting.on();
    return place;
  }

  /**
   * Asks for `events` of `fd` on behalf of a place; `before`: what was asked for so far, null for nothing at all.
   * False: the kernel does not watch one more.
   */
  ask(place: number, fd: number, events: number | null, before: number | null): boolean {
    const what = before === null ? EPOLL_CTL_ADD : events === null ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return this.#control(what, fd, events ?? 0, place, this.#turns[place] ?? 0);
  }

  /** After `ask` for nothing; the descriptor is closed by whoever owns it. */
  remove(place: number): void {
    this.#places[place] = null;
    this.#free.push(place);
    if (--this.#open === 0) this.#rest();
  }

  /** The first `length` bytes that were read, lent. Small ones are made once, since most messages are small. */
  view(length: number): Buffer {
    if (length > LARGEST_KEPT_VIEW) return Buffer.from(this.read.bytes, 0, length);
    let view = this.#views[length];
    if (view === undefined) {
      view = Buffer.from(this.read.bytes, 0, length);
      this.#views[length] = view;
    }
    return view;
  }

  #rest(): void {
    this.#waiting.off();
    this.#hurry.off();
  }

  #control(what: number, fd: number, events: number, low: number, high: number): boolean {
    const words = this.#wantedWords;
    words[0] = events;
    words[EVENT_DATA_AT] = low;
    words[EVENT_DATA_AT + 1] = high;
    return this.calls.epollCtl(this.#epoll, what, fd, this.#wanted.address) === 0;
  }

  /** libuv's turn to wait; ours until it has something to do. */
  #wait(): void {
    this.#hurry.off();
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const timeoutMs = this.#libuv.timeoutMs();
      const count = this.calls.epollWait(this.#epoll, this.#events.address, MOST_EVENTS, timeoutMs);
      // Node's timers count from this clock, and so does the next time-out.
      this.#libuv.updateTime();
      if (count <= 0) break;
      const libuvHasWork = this.#handle(count);
      this.#ticks();
      if (libuvHasWork || timeoutMs === 0 || this.#open === 0) break;
    }
    // Whatever the reason was: what comes on our sockets while libuv waits would not wake it.
    if (this.#open > 0) this.#hurry.on();
  }

  #handle(count: number): boolean {
    const words = this.#eventWords;
    let libuvHasWork = false;
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_WORDS;
      const place = words[at + EVENT_DATA_AT] ?? 0;
      if (place === LIBUV_PLACE) libuvHasWork = true;
      else if (words[at + EVENT_DATA_AT + 1] === this.#turns[place])
        this.#places[place]?.ready(words[at] ?? 0);
    }
    return libuvHasWork;
  }

  /** What Node runs after each call of its own into JavaScript: next ticks, promises, rejections that nobody took. */
  #ticks(): void {
    try {
      this.#runTicks();
    } catch (error) {
      // Thrown where Node hears it.
      setImmediate(() => {
        throw error;
      });
    }
  }
}
