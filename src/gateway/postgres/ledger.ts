// What was sent to the target and not answered yet, in order: so that rows, durations and errors belong to the right
// statement, and the recording says what really ran. It mirrors the server's own state by the server's own answers:
// a prepared statement or portal has the text that the *server* took, when it said ParseComplete or BindComplete, so
// a second Parse that fails cannot put another text over what Execute will run.
//
// An answer that does not fit what was asked is a fault of protocol: the session ends (LedgerFault), because a
// recording that guesses is worth nothing.
// Long because it is one state machine, and half of one explains nothing.

import { monotonicMs } from '../../base/timer.ts';
import type { Budget } from '../../sessions/budgets.ts';
import { type Begun, NOT_RUN, type Recorded, type Recorder } from '../../sessions/recorder.ts';
import type { RecordedProtocol } from '../../sessions/recording-format.ts';
import type { Verdict } from './guard/guard.ts';
import {
  BIND,
  CLOSE,
  COPY_END,
  DESCRIBE,
  Entry,
  EXECUTE,
  NO_USES,
  PARSE,
  QUERY,
  SYNC,
} from './ledger-entry.ts';
import type { Literals } from './literals.ts';
import { SkippedTexts } from './skipped-texts.ts';
import { type Taken, TakenTexts } from './taken-texts.ts';

export class LedgerFault extends Error {}

const IDLE = 0x49; // I
const OURS = 'ours';
const SYNTAX_ERROR = '42601';

/** More answers than this outstanding, and the client is not read until there are fewer. */
export const MOST_PENDING = 10_000;
/** Of statements that wait for an answer, or for the Sync that ends a failed pipeline. */
const MOST_WAITING_CHARACTERS = 64_000_000;

export class Ledger {
  readonly #recorder: Recorder;
  readonly #startedAt: number;
  readonly #budget: Budget | null;
  readonly #literals: Literals | null;
  readonly #taken = new TakenTexts();
  readonly #skipped = new SkippedTexts();
  #waitingCharacters = 0;
  #entries: Entry[] = [];
  #at = 0;
  #nextIndex = 0;
  /** An error came in the extended protocol: the server ignores everything until a Sync. */
  #skipping = false;
  /** The server waits for CopyData. */
  #copying = false;
  #finished = 0;
  #status = IDLE;

  constructor(
    recorder: Recorder,
    startedAt: number,
    budget: Budget | null = null,
    literals: Literals | null = null,
  ) {
    this.#recorder = recorder;
    this.#budget = budget;
    this.#literals = literals;
    this.#startedAt = startedAt;
  }

  get pending(): number {
    return this.#entries.length - this.#at;
  }

  /** How often the target has become ready: each time, what ran has ended, and is committed outside a transaction. */
  get finished(): number {
    return this.#finished;
  }

  /** The transaction's, as in the last ReadyForQuery. */
  get status(): number {
    return this.#status;
  }

  /** The target ignores what is sent until a Sync. */
  get skipping(): boolean {
    return this.#skipping;
  }

  /** What the target has under this name. */
  statement(name: string): Taken | undefined {
    return this.#taken.statement(name);
  }

  /** What runs may make names by PREPARE or DECLARE. */
  get makesNames(): boolean {
    const head = this.#entries[this.#at];
    if (head === undefined || head.kind > EXECUTE) return false;
    if (head.kind === EXECUTE) this.#resolve(head);
    return head.verdict !== null && head.verdict.prepares.length + head.verdict.declares.length > 0;
  }

  /** No more prepared statements fit. */
  get full(): boolean {
    return this.#taken.full;
  }

  /** More text is sent ahead than can be kept; counting answers alone does not see a few long statements. */
  get overfull(): boolean {
    return this.#waitingCharacters + this.#skipped.characters > MOST_WAITING_CHARACTERS;
  }

  get copying(): boolean {
    return this.#copying;
  }

  // What the client sends.

  query(text: string, verdict: Verdict): void {
    const entry = new Entry(QUERY, this.#now(), text, verdict, '', '');
    entry.protocol = 'simple';
    entry.uses = verdict.uses;
    this.#push(entry);
  }

  parse(name: string, text: string, verdict: Verdict): void {
    this.#push(new Entry(PARSE, this.#now(), text, verdict, name, ''));
  }

  bind(portal: string, statement: string): void {
    this.#push(new Entry(BIND, 0, '', null, portal, statement));
  }

  execute(portal: string): void {
    this.#push(new Entry(EXECUTE, this.#now(), '', null, portal, ''));
  }

  /** `what`: `S` a statement, `P` a portal. */
  close(what: string, name: string): void {
    this.#push(new Entry(CLOSE, 0, '', null, name, what));
  }

  /** `ours`: the client did not ask, so it must not get the answer. */
  describe(ours: boolean): void {
    this.#push(new Entry(DESCRIBE, 0, '', null, '', ours ? OURS : ''));
  }

  sync(): void {
    this.#skipping = false;
    this.#skipped.clear();
    this.#push(new Entry(SYNC, 0, '', null, '', ''));
  }

  /** CopyDone or CopyFail. */
  copyEnd(): void {
    if (this.#copying) this.#copying = false;
    else if (this.pending > 0) this.#push(new Entry(COPY_END, 0, '', null, '', ''));
  }

  /** A statement that was refused; something that fails goes to the server in its place (stand-in.ts). */
  refused(
    simple: boolean,
    refusal: number,
    text: string,
    protocol: RecordedProtocol,
    error: Recorded['error'],
  ): void {
    const entry = new Entry(simple ? QUERY : PARSE, this.#now(), text, null, '', '');
    entry.protocol = protocol;
    entry.refused = true;
    entry.refusal = refusal;
    entry.error = error;
    this.#push(entry);
  }

  #push(entry: Entry): void {
    if (this.#skipping) {
      this.#skip(entry);
      return;
    }
    this.#entries.push(entry);
    this.#waitingCharacters += entry.sentCharacters;
  }

  // What the server answers.

  parseComplete(): void {
    const entry = this.#expect(PARSE);
    if (entry.refused) throw new LedgerFault('The target took a statement that was refused.');
    this.#taken.prepare(entry.name, { text: entry.text, verdict: entry.verdict });
    this.#pop();
  }

  bindComplete(): void {
    const entry = this.#expect(BIND);
    this.#taken.bind(entry.name, entry.source);
    this.#pop();
  }

  closeComplete(): void {
    const entry = this.#expect(CLOSE);
    if (entry.source === 'S') this.#taken.forget(entry.name);
    else this.#taken.closePortal(entry.name);
    this.#pop();
  }

  /** `count` rows (DataRow, or CopyData from the server) of `bytes` altogether. */
  rows(count: number, bytes: number): void {
    const head = this.#entries[this.#at];
    if (head === undefined || head.kind > EXECUTE)
      throw new LedgerFault('The target sent rows that nobody asked for.');
    head.rows += count;
    head.rowsRead += count;
    head.bytes += bytes;
    this.#budget?.spend(count, bytes);
  }

  /** The running statement counts as failed, although the target says that it ended well. */
  blame(error: { sqlstate: string; message: string }): void {
    this.#running().error = error;
  }

  /** `affected`: the number in the command's tag, or -1. */
  commandComplete(affected: number): void {
    const head = this.#running();
    head.settled += affected < 0 ? head.rows : affected;
    head.rows = 0;
    if (head.kind === EXECUTE) this.#finish(head);
  }

  /** A command with this tag is about to be complete. */
  made(tag: string): void {
    this.#taken.learnName(this.#running(), tag);
  }

  /** RowDescription or NoData: who asked for it. `query`: it belongs to the simple protocol. */
  described(): 'ours' | 'client' | 'query' {
    const head = this.#entries[this.#at];
    if (head?.kind === QUERY) return 'query';
    const { source } = this.#expect(DESCRIBE);
    this.#pop();
    return source === OURS ? 'ours' : 'client';
  }

  emptyQuery(): void {
    const head = this.#running();
    if (head.kind === EXECUTE) this.#finish(head);
  }

  portalSuspended(): void {
    this.#finish(this.#expect(EXECUTE));
  }

  copyIn(): void {
    const head = this.#running();
    head.protocol = 'copy';
    // While it waits for CopyData the server ignores Sync; the client may have sent one before it knew.
    const rest = this.#entries.slice(this.#at + 1);
    const end = rest.findIndex((entry) => entry.kind === COPY_END);
    this.#copying = end < 0;
    const during = end < 0 ? rest : rest.slice(0, end);
    if (during.some((entry) => entry.kind !== SYNC))
      throw new LedgerFault('Statements were sent in the middle of COPY.');
    this.#entries = [head, ...(end < 0 ? [] : rest.slice(end + 1))];
    this.#at = 0;
  }

  copyOut(): void {
    this.#running().protocol = 'copy';
  }

  /** An ErrorResponse; `refusalId` is the refusal that it answers, or -1. */
  error(sqlstate: string, message: string, fatal: boolean, refusalId: number): void {
    this.#copying = false;
    const head = this.#entries[this.#at];
    if (refusalId >= 0 && refusalId !== head?.refusal)
      throw new LedgerFault('The target answered out of order.');
    if (head?.kind === QUERY || fatal) {
      if (head !== undefined && !head.refused) head.error = { sqlstate, message };
      return;
    }
    this.#failPipeline(head, { sqlstate, message });
  }

  /** In the extended protocol everything up to the next Sync is void. */
  #failPipeline(head: Entry | undefined, error: { sqlstate: string; message: string }): void {
    if (head?.kind === PARSE || head?.kind === BIND || head?.kind === DESCRIBE) {
      // The statement that was to be run tells the error; without one, the Parse does.
      const blamed = head.refused ? null : this.#nextExecute();
      if (blamed !== null) {
        this.#skip(head);
        blamed.text = this.#skipped.portal(blamed.name) ?? head.text;
        blamed.error = error;
      } else {
        head.error ??= error;
        head.durationMs = this.#now() - head.offsetMs;
        if (head.kind === PARSE) this.#record(head);
      }
      this.#pop();
    } else if (head?.kind === EXECUTE) {
      head.error = error;
      this.#finish(head);
    } else if (head?.kind === CLOSE) this.#pop();
    this.#skipToSync(head?.refused === true);
  }

  /** The Execute of the pipeline that has just failed, with what leads to it read as if it had worked. */
  #nextExecute(): Entry | null {
    for (let i = this.#at; i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry === undefined || entry.kind === SYNC || entry.kind === QUERY) return null;
      if (entry.kind === EXECUTE) return entry;
      this.#imagine(entry);
    }
    return null;
  }

  /** `status`: the transaction's, as in ReadyForQuery. */
  ready(status: number): void {
    const head = this.#entries[this.#at];
    if (head === undefined || (head.kind !== QUERY && head.kind !== SYNC)) {
      throw new LedgerFault('The target became ready while statements were under way.');
    }
    this.#copying = false;
    this.#finished++;
    this.#status = status;
    if (head.kind === QUERY) this.#finish(head);
    else this.#pop();
    if (status === IDLE) this.#taken.closePortals();
  }

  /** Statements under way that the recording does not know yet; only the first can be running. */
  running(): Begun[] {
    const head = this.#entries[this.#at];
    if (head === undefined || head.kind > EXECUTE || head.announced || head.refused) return [];
    if (head.kind === EXECUTE) this.#resolve(head);
    head.index = this.#nextIndex++;
    head.announced = true;
    const { index, offsetMs, protocol } = head;
    return [
      this.#literals === null ? head : { index, offsetMs, protocol, text: this.#literals.text(head.text) },
    ];
  }

  /** The session is over: what has no answer is recorded as it is. */
  abandon(): void {
    for (let entry = this.#entries[this.#at]; entry !== undefined; entry = this.#entries[this.#at]) {
      this.#pop();
      if (entry.kind <= EXECUTE || entry.refused) this.#record(entry);
    }
  }

  #now(): number {
    return monotonicMs() - this.#startedAt;
  }

  #expect(kind: number): Entry {
    const head = this.#entries[this.#at];
    if (head === undefined || head.kind !== kind)
      throw new LedgerFault('The target answered something else than was asked.');
    return head;
  }

  #running(): Entry {
    const head = this.#entries[this.#at];
    if (head === undefined || head.kind > EXECUTE)
      throw new LedgerFault('The target answered something else than was asked.');
    return head;
  }

  #pop(): void {
    this.#waitingCharacters -= this.#entries[this.#at]?.sentCharacters ?? 0;
    if (this.#entries.length === 1) {
      // The usual case. Setting `length` instead would cost a call into the engine for each statement.
      this.#entries.pop();
      return;
    }
    this.#at++;
    while (this.#entries[this.#at]?.kind === COPY_END) this.#at++;
    if (this.#at >= this.#entries.length || this.#at > 1_000) {
      this.#entries = this.#entries.slice(this.#at);
      this.#at = 0;
    }
  }

  #finish(entry: Entry): void {
    entry.durationMs = this.#now() - entry.offsetMs;
    this.#pop();
    this.#record(entry);
  }

  #record(entry: Entry): void {
    if (entry.kind === EXECUTE) this.#resolve(entry);
    if (entry.index < 0) entry.index = this.#nextIndex++;
    entry.rows += entry.settled;
    if (this.#literals !== null) {
      entry.text = this.#literals.text(entry.text);
      // What we refuse with is in our own words, but for the parser's.
      const own = entry.refused && entry.error?.sqlstate !== SYNTAX_ERROR;
      if (entry.error !== null && !own) entry.error = this.#literals.error(entry.error);
    }
    const { totals } = this.#recorder;
    totals.rowsRead += entry.rowsRead;
    totals.bytesRead += entry.bytes;
    this.#recorder.add(entry);
  }

  #resolve(entry: Entry): void {
    if (entry.text !== '') return;
    const known = this.#taken.portal(entry.name);
    entry.text = known.text;
    entry.verdict = known.verdict;
    entry.uses = known.verdict?.uses ?? NO_USES;
  }

  /** `told`: the refusal that led here is in the record, so the Execute that belongs to it need not be. */
  #skipToSync(told: boolean): void {
    let silent = told;
    for (let entry = this.#entries[this.#at]; entry !== undefined; entry = this.#entries[this.#at]) {
      if (entry.kind === SYNC) {
        this.#skipped.clear();
        return;
      }
      this.#pop();
      if (silent && entry.kind === EXECUTE) silent = false;
      else this.#skip(entry);
    }
    this.#skipping = true;
  }

  /** Sent, but the server never looks at it. */
  #skip(entry: Entry): void {
    this.#imagine(entry);
    if (entry.kind > EXECUTE && !entry.refused) return;
    if (entry.kind === EXECUTE && entry.text === '') entry.text = this.#skipped.portal(entry.name) ?? '';
    if (!entry.refused)
      entry.error ??= { sqlstate: NOT_RUN, message: 'Not run: an earlier statement of the pipeline failed.' };
    this.#record(entry);
  }

  #imagine(entry: Entry): void {
    if (entry.kind === PARSE) this.#skipped.addStatement(entry.name, entry.text);
    if (entry.kind !== BIND) return;
    const text = this.#skipped.statement(entry.source) ?? this.#taken.statement(entry.source)?.text;
    if (text !== undefined) this.#skipped.addPortal(entry.name, text);
  }
}
