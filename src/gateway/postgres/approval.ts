// A statement that policy wants approved one by one: it waits here, at the head of what the client sent, until somebody
// has agreed to exactly its text and values. Before it is put to anybody the target is asked where it looks for names,
// which a session may set, and what it expects of the statement: a plain EXPLAIN on the session's own connection, read only
// and rolled back, so that the plan is made with the session's own rights, settings and transaction, and nothing runs.
// Whatever fails there is only left out.

import { createHash, randomBytes } from 'node:crypto';
import { Failure } from '../../base/errors.ts';
import type { StatementDesk, StatementVerdict } from '../../grants/session-ticket.ts';
import { FROM_CLIENT, FROM_SERVER, HEADER_BYTES, message, zeroEnded } from '../../pg-wire/frames.ts';
import type { Refusal } from './guard/guard.ts';

export interface ToApprove {
  text: string;
  /** What a Bind holds after its names; null: a statement of the simple protocol. */
  values: Buffer | null;
  /** It is one plain statement, and nothing ran in its pipeline that a rollback would take along. */
  mayExplain: boolean;
}

export interface ApprovalContext {
  desk: StatementDesk;
  sessionId: string;
  /** Aborts when the session is over. */
  over: AbortSignal;
  /** Resolves when the target has answered everything. */
  answered(): Promise<void>;
  /** In which the target reads what the client sends, by its name there. */
  encoding(): string;
  /** The transaction's status, as in ReadyForQuery. */
  status(): number;
  /** Sends this and gives all answers up to so many ReadyForQuery; null: not now. */
  look(bytes: Buffer, readies: number): Promise<Buffer[] | null>;
  notice(text: string): void;
}

const IDLE = 0x49; // I
const FAILED = 0x45; // E
const LONGEST_ESTIMATE_CHARACTERS = 4_000;
const LONGEST_PATH_CHARACTERS = 500;
const MOST_VALUES = 100;
const LONGEST_VALUE_CHARACTERS = 200;
const LIMITS = ['SET LOCAL statement_timeout = 3000', 'SET LOCAL lock_timeout = 1000'];
/** No formats, no values, no formats of columns. */
const NO_VALUES = Buffer.alloc(6);

export class Approval {
  readonly #ctx: ApprovalContext;
  #waiting: AbortController | null = null;

  constructor(ctx: ApprovalContext) {
    this.#ctx = ctx;
  }

  /** The client took it back; false: nothing waits. */
  cancel(): boolean {
    this.#waiting?.abort();
    return this.#waiting !== null;
  }

  /** Null: it may run now, once. Never rejects. */
  async decide(statement: ToApprove): Promise<Refusal | null> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    const signal = AbortSignal.any([waiting.signal, this.#ctx.over]);
    let id: string | null = null;
    try {
      await this.#ctx.answered();
      if (this.#ctx.encoding() !== 'UTF8' && isBeyondAscii(statement)) return OTHER_ENCODING;
      const estimate = statement.mayExplain ? await this.#estimate(statement) : null;
      const digest = digestOf(statement);
      const { desk, sessionId } = this.#ctx;
      const asked = await desk.ask({
        sessionId,
        text: statement.text,
        parameters: statement.values === null ? [] : shownValues(statement.values),
        digest,
        estimate,
      });
      id = asked.id;
      const minutes = Math.ceil(asked.waitMs / 60_000);
      this.#ctx.notice(
        `This statement waits for approval by ${asked.who}, at most ${minutes} min: ${asked.link}`,
      );
      const decided = await desk.decided(id, digest, signal);
      if (!signal.aborted) return refusalOf(decided, minutes);
      return CANCELLED;
    } catch (error) {
      if (id !== null)
        await this.#ctx.desk.withdraw(id, this.#ctx.over.aborted ? 'its session ended' : 'it was cancelled');
      return signal.aborted ? CANCELLED : failed(error);
    } finally {
      this.#waiting = null;
    }
  }

  async #estimate({ text, values }: ToApprove): Promise<string | null> {
    const status = this.#ctx.status();
    if (status === FAILED) return null;
    const name = `sallyport_${randomBytes(8).toString('hex')}`;
    const run = (text: string, given: Buffer = NO_VALUES) => runOnce(name, text, given);
    const sync = message(FROM_CLIENT.sync);
    const idle = status === IDLE;
    const opened = idle ? ['BEGIN READ ONLY'] : [`SAVEPOINT ${name}`, 'SET LOCAL transaction_read_only = on'];
    const closed = idle ? ['ROLLBACK'] : [`ROLLBACK TO SAVEPOINT ${name}`, `RELEASE SAVEPOINT ${name}`];
    const bytes = Buffer.concat([
      ...[...opened, ...LIMITS, 'SHOW search_path'].map((one) => run(one)),
      sync,
      // A text of several statements cannot be parsed so: then there is no estimate, and nothing has run.
      run(`EXPLAIN (ANALYZE false) ${text}`, values === null ? NO_VALUES : asText(values)),
      sync,
      ...closed.map((one) => run(one)),
      sync,
    ]);
    const answers = await this.#ctx.look(bytes, 3);
    const [path, ...plan] = (answers ?? []).flatMap((answer) =>
      answer[0] === FROM_SERVER.dataRow ? [answer.toString('utf8', HEADER_BYTES + 6)] : [],
    );
    if (path === undefined) return null;
    return [`search_path: ${inOneLine(path)}`, ...plan].join('\n').slice(0, LONGEST_ESTIMATE_CHARACTERS);
  }
}

/** Names may hold anything, which must not look like a line of the plan. */
function inOneLine(path: string): string {
  const plain = path.replace(
    /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu,
    (odd) => `\\u{${odd.codePointAt(0)?.toString(16)}}`,
  );
  return plain.length <= LONGEST_PATH_CHARACTERS ? plain : `${plain.slice(0, LONGEST_PATH_CHARACTERS)}…`;
}

/** In the extended protocol, under a name of its own: a Query would take the client's unnamed statement along. */
function runOnce(name: string, text: string, values: Buffer): Buffer {
  const named = zeroEnded(name);
  return Buffer.concat([
    message(FROM_CLIENT.close, 'S', named),
    message(FROM_CLIENT.parse, named, zeroEnded(text), Buffer.alloc(2)),
    message(FROM_CLIENT.bind, named, named, values),
    message(FROM_CLIENT.execute, named, Buffer.alloc(4)),
    message(FROM_CLIENT.close, 'P', named),
    message(FROM_CLIENT.close, 'S', named),
  ]);
}

/** Approvers read it as UTF-8; in another encoding the same bytes may be another statement. */
function isBeyondAscii({ text, values }: ToApprove): boolean {
  return /[^\0-\x7f]/.test(text) || values?.some((byte) => byte > 0x7f) === true;
}

const OTHER_ENCODING: Refusal = {
  sqlstate: '22021',
  text: 'Sallyport refused this statement: it waits for approval, and holds characters beyond ASCII in another encoding than UTF8.',
  hint: 'SET client_encoding = UTF8.',
};

const CANCELLED: Refusal = { sqlstate: '57014', text: 'canceling statement due to user request' };

function refusalOf(decided: StatementVerdict, minutes: number): Refusal | null {
  if (decided.verdict === 'approved') return null;
  return decided.verdict === 'denied'
    ? refused(`${decided.by} denied it: ${decided.reason}`)
    : refused(`nobody approved it within ${minutes} min`);
}

function failed(error: unknown): Refusal {
  return error instanceof Failure
    ? refused(error.message.replace(/\.$/, ''))
    : {
        sqlstate: '57P03',
        text: 'This statement cannot be put to anybody for approval just now. Try again.',
      };
}

function refused(why: string): Refusal {
  return { sqlstate: '42501', text: `Sallyport refused this statement: ${why}.` };
}

function digestOf({ text, values }: ToApprove): string {
  const hash = createHash('sha256').update(text).update('\0');
  if (values !== null) hash.update(values);
  return hash.digest('base64url');
}

/** The values of a Bind as people can read them: text as it is, the binary format as \x…; cut where they are long. */
function shownValues(values: Buffer): (string | null)[] {
  const shown: (string | null)[] = [];
  const formats = values.readUInt16BE(0);
  let at = 2 + 2 * formats;
  const count = values.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < Math.min(count, MOST_VALUES); i++) {
    const length = values.readInt32BE(at);
    at += 4;
    if (length < 0) {
      shown.push(null);
      continue;
    }
    const bytes = values.subarray(at, at + length);
    at += length;
    const binary = formats > 0 && values.readUInt16BE(2 + 2 * (formats === 1 ? 0 : i)) === 1;
    const whole = binary ? `\\x${bytes.toString('hex')}` : bytes.toString('utf8');
    shown.push(
      whole.length <= LONGEST_VALUE_CHARACTERS
        ? whole
        : `${whole.slice(0, LONGEST_VALUE_CHARACTERS)}… (${bytes.length} bytes)`,
    );
  }
  if (count > MOST_VALUES) shown.push(`… and ${count - MOST_VALUES} more`);
  return shown;
}

/** The same values, with rows asked for as text: an EXPLAIN gives other columns than its statement. */
function asText(values: Buffer): Buffer {
  let at = 2 + 2 * values.readUInt16BE(0);
  const count = values.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < count; i++) at += 4 + Math.max(0, values.readInt32BE(at));
  return Buffer.concat([values.subarray(0, at), Buffer.alloc(2)]);
}

/** Whether a Bind's values are what they say: lengths fit, and nothing is left over but the formats of columns. */
export function areValues(values: Buffer): boolean {
  try {
    let at = 2 + 2 * values.readUInt16BE(0);
    const count = values.readUInt16BE(at);
    at += 2;
    for (let i = 0; i < count; i++) at += 4 + Math.max(0, values.readInt32BE(at));
    return at + 2 + 2 * values.readUInt16BE(at) === values.length;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
