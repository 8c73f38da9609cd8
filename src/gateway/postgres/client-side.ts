// Reads what the client sends. Whole chunks go on as they came whenever every message in them may; only a statement is
// looked at, and only an incomplete one is held. Nothing is allocated for a length that is merely claimed: long
// parameters and COPY data stream through, a statement over the limit is refused and its bytes thrown away.
// It does not know sockets: `send` and `fault` are the relay's.
// Long because every message that a client can send is judged in one place.

import { FROM_CLIENT, HEADER_BYTES, message } from '../../pg-wire/frames.ts';
import { areValues, type ToApprove } from './approval.ts';
import type { Guard, Refusal, Verdict } from './guard/guard.ts';
import type { Terms } from './guard/terms.ts';
import { Held } from './held.ts';
import type { Ledger } from './ledger.ts';
import type { StandIns } from './stand-in.ts';
import { MOST_PREPARED, type Taken } from './taken-texts.ts';

/** A statement's text at most; a longer one is refused. */
export const LARGEST_STATEMENT_BYTES = 1024 * 1024;
const LARGEST_STREAMED_BYTES = 256 * 1024 * 1024;
/** PostgreSQL's own limit of a message; a length over it is no length. */
const LARGEST_CLAIMED_BYTES = 0x3fff_ffff;
const LARGEST_SMALL_MESSAGE_BYTES = 10 * 1024;
const LONGEST_NAME_BYTES = 63;
// Two names and what is around them; PostgreSQL itself keeps 63 bytes of a name.
const LARGEST_NAMES_BYTES = 1_024;

export interface ClientSideContext {
  ledger: Ledger;
  standIns: StandIns;
  guard: Guard;
  terms: Terms;
  /** The grant, whose large statements are read in turn with others'. */
  grantId: string;
  /** Rows are masked: each Execute is described first, so that every row has a description. */
  masked: boolean;
  /** Why nothing more may be read; null while something may. */
  overBudget(): Refusal | null;
  /** Statements that wait for a yes of their own; null: none does. */
  approval: { decide(statement: ToApprove): Promise<Refusal | null>; answered(): Promise<void> } | null;
  /** To the target. Called with parts of the chunk, in order; they are lent. */
  send(bytes: Buffer): void;
  /** A verdict is being waited for: true, read nothing more; false, go on with `take` of nothing. */
  hold(waiting: boolean): void;
  /** The client said goodbye. */
  leave(): void;
  /** The client broke the protocol; the session must end. */
  fault(what: string): void;
}

export class ClientSide {
  readonly #ctx: ClientSideContext;
  readonly #held = new Held();
  /** Bytes of a long message still to come: passed on, or thrown away. */
  #streaming = 0;
  #dropping = 0;
  /** A large statement is being read aside; then its verdict, for the message at the head of what is held. */
  #asking = false;
  #answered: Verdict | null = null;
  /** The deadline has passed: no new statement. `#voided`: one of this pipeline was refused, up to the next Sync. */
  #landing = false;
  /** What became of the statement at the head of what is held; undefined: it was not asked for. */
  #decision: Refusal | null | undefined;
  /** A portal was made or run since the last Sync. */
  #inPipeline = false;
  #voided = false;

  constructor(ctx: ClientSideContext) {
    this.#ctx = ctx;
  }

  /** From now on what begins is refused; what has begun may be brought to its end (Sync, COPY data). */
  land(): void {
    this.#landing = true;
  }

  /** `arrived` is lent for the length of the call. */
  take(arrived: Buffer): void {
    const chunk = this.#held.join(arrived);
    if (this.#asking) {
      this.#held.keep(chunk);
      // While somebody is asked the client is read on, to hear when it leaves; but not for ever.
      if (this.#ctx.approval !== null && chunk.length > LARGEST_STATEMENT_BYTES) this.#ctx.hold(true);
      return;
    }
    const length = chunk.length;
    let from = 0;
    let at = 0;
    if (this.#dropping > 0) {
      from = at = Math.min(this.#dropping, length);
      this.#dropping -= at;
    } else if (this.#streaming > 0) {
      at = Math.min(this.#streaming, length);
      this.#streaming -= at;
    }
    while (length - at >= HEADER_BYTES) {
      const type = chunk.readUInt8(at);
      const end = at + 1 + chunk.readUInt32BE(at + 1);
      if (end < at + HEADER_BYTES || end - at > LARGEST_CLAIMED_BYTES) {
        this.#ctx.fault('A message has an impossible length.');
        return;
      }
      const step = this.#message(chunk, type, at, end);
      if (step === PASS) at = end;
      else if (step === WAIT) break;
      else if (step === STOP) return;
      else if (step === LEAVE) {
        if (at > from) this.#ctx.send(chunk.subarray(from, at));
        this.#ctx.leave();
        return;
      } else {
        // The message does not go on; something may go in its place.
        if (at > from) this.#ctx.send(chunk.subarray(from, at));
        if (step !== DROP) this.#ctx.send(step);
        from = at = end;
      }
    }
    this.#endOfChunk(chunk, from, at);
  }

  /** `at` may be beyond the chunk: then the rest of that message streams, or is dropped. */
  #endOfChunk(chunk: Buffer, from: number, at: number): void {
    const length = chunk.length;
    this.#held.keep(chunk.subarray(Math.min(at, length)));
    if (at > length) {
      if (from > length) this.#dropping = from - length;
      else this.#streaming = at - length;
      if (from < length) this.#ctx.send(from === 0 ? chunk : chunk.subarray(from));
      return;
    }
    if (at > from) this.#ctx.send(from === 0 && at === length ? chunk : chunk.subarray(from, at));
  }

  #message(chunk: Buffer, type: number, at: number, end: number): Step {
    const whole = end <= chunk.length;
    const bytes = end - at;
    if (this.#ctx.ledger.copying && !DURING_COPY.has(type))
      return this.#fault('A statement came in the middle of COPY.');
    if (this.#landing && BEGINS.has(type)) return this.#tooLate(type);
    switch (type) {
      case FROM_CLIENT.query:
        return bytes > LARGEST_STATEMENT_BYTES
          ? this.#tooLong(true)
          : whole
            ? this.#query(chunk, at, end)
            : WAIT;
      case FROM_CLIENT.parse:
        return bytes > LARGEST_STATEMENT_BYTES
          ? this.#tooLong(false)
          : whole
            ? this.#parse(chunk, at, end)
            : WAIT;
      case FROM_CLIENT.copyData:
        return bytes > LARGEST_STREAMED_BYTES ? this.#fault('A COPY message is too long.') : PASS;
      case FROM_CLIENT.bind:
        return bytes > LARGEST_STREAMED_BYTES
          ? this.#fault('A Bind message is too long.')
          : this.#bind(chunk, at, end);
      case FROM_CLIENT.functionCall:
        return bytes > LARGEST_STREAMED_BYTES
          ? this.#fault('A FunctionCall message is too long.')
          : this.#functionCall();
      default:
        if (bytes > LARGEST_SMALL_MESSAGE_BYTES) return this.#fault('A message is too long for its type.');
        return whole ? this.#small(chunk, type, at, end) : WAIT;
    }
  }

  #small(chunk: Buffer, type: number, at: number, end: number): Step {
    const { ledger } = this.#ctx;
    switch (type) {
      case FROM_CLIENT.execute: {
        const nameEnd = chunk.indexOf(0, at + HEADER_BYTES);
        if (nameEnd < 0 || nameEnd >= end) return this.#fault('An Execute message is malformed.');
        const portal = nameOf(chunk, at + HEADER_BYTES, nameEnd);
        if (portal === null) return this.#refuse(false, '', ODD_NAME_TEXT, ODD_NAME);
        if (this.#ctx.masked) ledger.describe(true);
        ledger.execute(portal);
        if (!this.#ctx.masked) return PASS;
        return Buffer.concat([
          message(FROM_CLIENT.describe, 'P', chunk.subarray(at + HEADER_BYTES, nameEnd + 1)),
          chunk.subarray(at, end),
        ]);
      }
      case FROM_CLIENT.close: {
        const nameEnd = chunk.indexOf(0, at + HEADER_BYTES + 1);
        if (nameEnd < 0 || nameEnd >= end) return this.#fault('A Close message is malformed.');
        const name = nameOf(chunk, at + HEADER_BYTES + 1, nameEnd);
        if (name === null) return this.#refuse(false, '', ODD_NAME_TEXT, ODD_NAME);
        ledger.close(String.fromCharCode(chunk.readUInt8(at + HEADER_BYTES)), name);
        return PASS;
      }
      case FROM_CLIENT.sync:
        // While it copies in, the server ignores Sync: not sending it leaves no doubt about which ones it saw.
        if (ledger.copying) return DROP;
        this.#voided = false;
        this.#inPipeline = false;
        ledger.sync();
        return PASS;
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        ledger.copyEnd();
        return PASS;
      case FROM_CLIENT.describe:
        if (this.#ctx.masked || this.#ctx.approval !== null) ledger.describe(false);
        return PASS;
      case FROM_CLIENT.flush:
        return PASS;
      case FROM_CLIENT.terminate:
        return LEAVE;
      default:
        return this.#fault('A message of an unknown type came.');
    }
  }

  #query(chunk: Buffer, at: number, end: number): Step {
    if (end - at <= HEADER_BYTES || chunk.readUInt8(end - 1) !== 0)
      return this.#fault('A Query message is malformed.');
    const text = chunk.toString('utf8', at + HEADER_BYTES, end - 1);
    const verdict = this.#verdict(text);
    if (verdict === null) return WAIT;
    const refusal = verdict.refusal ?? (verdict.givesRows ? this.#ctx.overBudget() : null);
    if (refusal !== null) return this.#refuse(true, '', text, refusal);
    if (verdict.approval !== null) {
      const mayExplain = verdict.approval.explainable && !this.#inPipeline;
      const step = this.#approve(true, { text, values: null, mayExplain });
      if (step !== null) return step;
    }
    this.#ctx.ledger.query(text, verdict);
    return PASS;
  }

  #parse(chunk: Buffer, at: number, end: number): Step {
    const nameEnd = chunk.indexOf(0, at + HEADER_BYTES);
    const textEnd = nameEnd < 0 ? -1 : chunk.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= end) return this.#fault('A Parse message is malformed.');
    const name = nameOf(chunk, at + HEADER_BYTES, nameEnd);
    const text = chunk.toString('utf8', nameEnd + 1, textEnd);
    if (name === null) return this.#refuse(false, '', text, ODD_NAME);
    const verdict = this.#verdict(text);
    if (verdict === null) return WAIT;
    const refusal = verdict.refusal ?? (verdict.givesRows ? this.#ctx.overBudget() : null);
    if (refusal !== null) return this.#refuse(false, name, text, refusal);
    if (name !== '' && this.#ctx.ledger.full) return this.#refuse(false, name, text, TOO_MANY_PREPARED);
    this.#ctx.ledger.parse(name, text, verdict);
    return PASS;
  }

  /** Null: it comes later, and the message waits for it. */
  #verdict(text: string): Verdict | null {
    const { guard, terms, grantId } = this.#ctx;
    const answered = this.#answered;
    if (answered !== null) {
      this.#answered = null;
      return answered;
    }
    const coming = guard.aside?.(text, terms, grantId) ?? null;
    if (coming === null) return guard(text, terms);
    this.#asking = true;
    this.#ctx.hold(true);
    void coming.then((verdict) => {
      this.#asking = false;
      this.#answered = verdict;
      this.#ctx.hold(false);
    });
    return null;
  }

  #bind(chunk: Buffer, at: number, end: number): Step {
    const portalEnd = chunk.indexOf(0, at + HEADER_BYTES);
    const nameEnd = portalEnd < 0 ? -1 : chunk.indexOf(0, portalEnd + 1);
    if (nameEnd < 0 || nameEnd >= end) {
      const short = chunk.length < end && chunk.length - at < LARGEST_NAMES_BYTES;
      return short ? WAIT : this.#fault('A Bind message is malformed.');
    }
    const portal = nameOf(chunk, at + HEADER_BYTES, portalEnd);
    const statement = nameOf(chunk, portalEnd + 1, nameEnd);
    if (portal === null || statement === null) return this.#refuse(false, '', ODD_NAME_TEXT, ODD_NAME);
    if (this.#ctx.approval !== null) {
      const step = this.#approveBind(chunk, at, nameEnd + 1, end, statement);
      if (step !== null) return step;
    }
    this.#inPipeline = true;
    this.#ctx.ledger.bind(portal, statement);
    return PASS;
  }

  /** Null: the values may be bound. What the name stands for is known when the target has answered all before. */
  #approveBind(chunk: Buffer, at: number, from: number, end: number, name: string): Step | null {
    const { ledger, approval } = this.#ctx;
    if (ledger.skipping || approval === null) return null;
    if (ledger.pending > 0) {
      this.#asking = true;
      void approval.answered().then(() => this.#goOn());
      return WAIT;
    }
    const { text, verdict } = ledger.statement(name) ?? UNKNOWN_STATEMENT;
    if (verdict === null) return this.#refuse(false, '', text, NO_SUCH_STATEMENT);
    if (verdict.approval === null) return null;
    if (end - at > LARGEST_STATEMENT_BYTES) return this.#refuse(false, '', text, TOO_MUCH_TO_APPROVE);
    if (end > chunk.length) return WAIT;
    const values = Buffer.from(chunk.subarray(from, end));
    if (!areValues(values)) return this.#fault('A Bind message is malformed.');
    return this.#approve(false, {
      text,
      values,
      mayExplain: verdict.approval.explainable && !this.#inPipeline,
    });
  }

  /** Null: it may run. */
  #approve(simple: boolean, statement: ToApprove): Step | null {
    const { approval } = this.#ctx;
    const decision = this.#decision;
    if (decision !== undefined) {
      this.#decision = undefined;
      return decision === null ? null : this.#refuse(simple, '', statement.text, decision);
    }
    if (approval === null) return this.#fault('A statement cannot be approved here.');
    this.#asking = true;
    void approval.decide(statement).then((decided) => {
      this.#decision = decided;
      this.#goOn();
    });
    return WAIT;
  }

  #goOn(): void {
    this.#asking = false;
    this.#ctx.hold(false);
  }

  #functionCall(): Step {
    return this.#refuse(
      true,
      '',
      '(a call by the FunctionCall message)',
      {
        sqlstate: '0A000',
        text: 'Sallyport does not pass on the FunctionCall message.',
        hint: 'Call the function in a statement.',
      },
      'function',
    );
  }

  #tooLate(type: number): Step {
    if (type === FROM_CLIENT.query || type === FROM_CLIENT.functionCall)
      return this.#refuse(true, '', AFTER_THE_DEADLINE, TOO_LATE);
    // One failure voids the whole pipeline: the target would skip the rest of it.
    if (this.#voided) return DROP;
    this.#voided = true;
    return this.#refuse(false, '', AFTER_THE_DEADLINE, TOO_LATE);
  }

  #tooLong(simple: boolean): Step {
    return this.#refuse(simple, '', '(a statement over the limit of 1 MiB)', {
      sqlstate: '54000',
      text: `Sallyport refused this statement: it is longer than ${LARGEST_STATEMENT_BYTES} bytes.`,
      hint: 'Send data with COPY or as parameters.',
    });
  }

  #refuse(simple: boolean, name: string, text: string, refusal: Refusal, protocol?: 'function'): Step {
    const id = this.#ctx.standIns.add(refusal);
    const error = { sqlstate: refusal.sqlstate, message: refusal.text };
    this.#ctx.ledger.refused(simple, id, text, protocol ?? (simple ? 'simple' : 'extended'), error);
    return simple ? this.#ctx.standIns.query(id) : this.#ctx.standIns.parse(id, name);
  }

  #fault(what: string): Step {
    this.#ctx.fault(what);
    return STOP;
  }
}

const PASS = 0;
const WAIT = 1;
const DROP = 2;
const STOP = 3;
const LEAVE = 4;
/** What becomes of a message; bytes go in its place. */
type Step = typeof PASS | typeof WAIT | typeof DROP | typeof STOP | typeof LEAVE | Buffer;

// The server would swallow anything else, and answers would no longer fit what was asked.
const DURING_COPY: ReadonlySet<number> = new Set([
  FROM_CLIENT.copyData,
  FROM_CLIENT.copyDone,
  FROM_CLIENT.copyFail,
  FROM_CLIENT.sync,
  FROM_CLIENT.flush,
  FROM_CLIENT.terminate,
]);

const BEGINS: ReadonlySet<number> = new Set([
  FROM_CLIENT.query,
  FROM_CLIENT.parse,
  FROM_CLIENT.bind,
  FROM_CLIENT.execute,
  FROM_CLIENT.functionCall,
]);

const AFTER_THE_DEADLINE = '(a statement after the deadline)';
const TOO_LATE: Refusal = {
  sqlstate: '57P01',
  text: 'Your access has ended: no new statement begins. The session ends with the one that still runs.',
  hint: 'Ask for a new grant to go on.',
};

const TOO_MUCH_TO_APPROVE: Refusal = {
  sqlstate: '54000',
  text: `Sallyport refused this statement: it needs approval, and its values are over ${LARGEST_STATEMENT_BYTES} bytes.`,
};

const TOO_MANY_PREPARED: Refusal = {
  sqlstate: '53400',
  text: `Sallyport refused this statement: a session may have ${MOST_PREPARED} prepared statements, of 16 MB of text.`,
  hint: 'Close those that are no longer needed.',
};

const ODD_NAME_TEXT = '(a message with a name beyond ASCII)';
const ODD_NAME: Refusal = {
  sqlstate: '0A000',
  text: 'Sallyport does not pass on names of prepared statements and portals beyond ASCII.',
  hint: 'Use letters and digits.',
};

const UNKNOWN_STATEMENT: Taken = { text: '(a prepared statement that nobody made)', verdict: null };
const NO_SUCH_STATEMENT: Refusal = {
  sqlstate: '26000',
  text: 'Sallyport knows no prepared statement of this name in this session.',
};

/**
 * PostgreSQL tells names apart by their first 63 bytes, in its own encoding: null for a name that may be another one there
 * than here.
 */
function nameOf(chunk: Buffer, from: number, end: number): string | null {
  for (let at = from; at < end; at++) if ((chunk[at] ?? 0) > 0x7f) return null;
  return chunk.toString('latin1', from, Math.min(end, from + LONGEST_NAME_BYTES));
}
