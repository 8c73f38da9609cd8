// What happens in a session on a host, as the recording lists it: a shell, a program, a file, a forwarded connection,
// each with its beginning and its end. They take the place that statements have in a session with a database.

import { monotonicMs } from '../../base/timer.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import type { Begun, Recorded } from '../../sessions/recorder.ts';
import type { EntryEnd, RecordedProtocol } from '../../sessions/recording-format.ts';

export interface Entry extends Begun {
  announced: boolean;
}

export interface EntryResult {
  bytes?: number;
  end?: EntryEnd;
  error?: string;
  use?: { verb: string; object: string };
}

/** In place of a SQLSTATE: the host, or the way there, said no. */
const FAILED = 'failed';
const REFUSED = 'refused';
const LONGEST_TEXT = 64 * 1024;

export class Entries {
  readonly #session: LiveSession;
  readonly #open = new Set<Entry>();
  #next = 0;

  constructor(session: LiveSession) {
    this.#session = session;
  }

  /** Milliseconds since the session began. */
  nowMs(): number {
    return monotonicMs() - this.#session.startedAt;
  }

  begin(protocol: RecordedProtocol, text: string): Entry {
    const entry: Entry = {
      ...{ index: this.#next++, offsetMs: this.nowMs() },
      ...{ text: text.slice(0, LONGEST_TEXT), protocol, announced: false },
    };
    this.#open.add(entry);
    return entry;
  }

  /** Once; a second end changes nothing. */
  end(entry: Entry, result: EntryResult): void {
    if (!this.#open.delete(entry)) return;
    this.#add(entry, {
      ...{ refused: false, bytes: result.bytes ?? 0, durationMs: this.nowMs() - entry.offsetMs },
      error: result.error === undefined ? null : { sqlstate: FAILED, message: result.error },
      uses: result.use === undefined ? [] : [result.use],
      ...(result.end === undefined ? {} : { end: result.end }),
    });
  }

  /** What was asked for and is not allowed. */
  refuse(protocol: RecordedProtocol, text: string, why: string): void {
    const entry = this.begin(protocol, text);
    this.#open.delete(entry);
    const error = { sqlstate: REFUSED, message: why };
    this.#add(entry, { refused: true, bytes: 0, durationMs: null, error, uses: [] });
  }

  #add(
    entry: Entry,
    result: Pick<Recorded, 'refused' | 'bytes' | 'durationMs' | 'error' | 'uses' | 'end'>,
  ): void {
    const { index, offsetMs, text, protocol, announced } = entry;
    this.#session.recorder.add({ index, offsetMs, text, protocol, announced, rows: 0, ...result });
  }

  /** Those without an end that the recording does not know yet. */
  running(): Begun[] {
    const fresh = [...this.#open].filter((entry) => !entry.announced);
    for (const entry of fresh) entry.announced = true;
    return fresh;
  }
}
