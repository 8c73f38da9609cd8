// Reads what the target answers. Chunks go on as they came; a light walk over the message headers counts rows and
// keeps the ledger. The end of a chunk that is not a whole message is held back until it is, so that the client's
// stream stands between two messages nearly always, and an error or a notice can be put in there. Only messages that
// are larger than the hold stream through. What does not speak the protocol ends the session.

import { FROM_SERVER, HEADER_BYTES, readSqlFields } from '../../pg-wire/frames.ts';
import type { Ledger } from './ledger.ts';
import { redacted, withoutPayload } from './mask/redact.ts';
import type { RowMask } from './mask/row-mask.ts';
import { type RowCut, shortened } from './row-cut.ts';
import type { StandIns } from './stand-in.ts';

const LARGEST_HELD_BYTES = 64 * 1024;
const LARGEST_MESSAGE_BYTES = 1024 * 1024 * 1024;
// What has to be read whole: errors with long details, not more.
const LARGEST_READ_BYTES = 1024 * 1024;
/** A row that is to be masked is held whole. */
const LARGEST_MASKED_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export interface ServerSideContext {
  ledger: Ledger;
  standIns: StandIns;
  /** null: rows go on as they came. */
  mask: RowMask | null;
  /** null: nothing limits what may be read. */
  cut: RowCut | null;
  /** The ledger knows each Describe. */
  describes: boolean;
  /** To the client. Called with parts of the chunk, in order; they are lent. */
  send(bytes: Buffer): void;
  /** The target reported a setting. */
  setting(name: string, value: string): void;
}

/** Errors of `take`: LedgerFault, and ServerFault for what is not PostgreSQL's protocol. */
export class ServerFault extends Error {}

export class ServerSide {
  readonly #ctx: ServerSideContext;
  #held: Buffer | null = null;
  #streaming = 0;
  /** Bytes of a long row still to come that do not go to the client. */
  #dropping = 0;

  constructor(ctx: ServerSideContext) {
    this.#ctx = ctx;
  }

  /** True: what the client has got so far ends with a whole message. */
  get betweenMessages(): boolean {
    return this.#streaming === 0;
  }

  /** Nothing of the target's is kept back: the next byte begins a message. */
  get empty(): boolean {
    return this.#held === null && this.#streaming === 0 && this.#dropping === 0;
  }

  /** `arrived` is lent for the length of the call. */
  take(arrived: Buffer): void {
    let chunk = arrived;
    let at = 0;
    if (this.#held !== null) {
      const begun = this.#complete(this.#held, arrived);
      if (begun === null) return;
      chunk = begun.chunk;
      at = begun.at;
    }
    this.#read(chunk, at);
  }

  #read(chunk: Buffer, at: number): void {
    const { mask, cut } = this.#ctx;
    if (mask !== null) this.#walkMasked(chunk, mask);
    else if (cut === null || (this.#dropping === 0 && cut.fits(chunk.length))) this.#walk(chunk, at);
    else this.#walkCounted(chunk, cut);
  }

  /** Finishes the held message with the new bytes. Null: it is still not whole. */
  #complete(held: Buffer, arrived: Buffer): { chunk: Buffer; at: number } | null {
    if (held.length < HEADER_BYTES) {
      this.#held = null;
      return { chunk: Buffer.concat([held, arrived]), at: 0 };
    }
    const missing = 1 + held.readUInt32BE(1) - held.length;
    if (arrived.length < missing) {
      this.#held = Buffer.concat([held, arrived]);
      return null;
    }
    this.#held = null;
    const type = held.readUInt8(0);
    const { mask, cut } = this.#ctx;
    if (mask === null && cut === null && (type === FROM_SERVER.dataRow || type === FROM_SERVER.copyData)) {
      // The frequent case, without a copy: the held part, then the chunk from its start.
      this.#ctx.ledger.rows(1, held.length + missing);
      this.#ctx.send(held);
      return { chunk: arrived, at: missing };
    }
    const whole = Buffer.concat([held, arrived.subarray(0, missing)]);
    this.#read(whole, 0);
    return { chunk: arrived.subarray(missing), at: 0 };
  }

  /** From `at`, where a message begins; what is before goes on too. */
  #walk(chunk: Buffer, start: number): void {
    const length = chunk.length;
    let from = 0;
    let at = start;
    if (this.#streaming > 0) {
      at = Math.min(this.#streaming, length);
      this.#streaming -= at;
    }
    let rows = 0;
    let rowBytes = 0;
    while (length - at >= HEADER_BYTES) {
      const type = chunk[at];
      const bodyBytes = chunk.readUInt32BE(at + 1);
      const end = at + 1 + bodyBytes;
      if (bodyBytes < 4 || bodyBytes > LARGEST_MESSAGE_BYTES)
        throw new ServerFault('A message has an impossible length.');
      if (end > length) {
        if (bodyBytes <= (type === FROM_SERVER.error ? LARGEST_READ_BYTES : LARGEST_HELD_BYTES)) break;
        if (this.#ctx.cut !== null) {
          // A long row: whether it fits is not known from the chunk.
          if (rows > 0) this.#ctx.ledger.rows(rows, rowBytes);
          if (at > from) this.#ctx.send(chunk.subarray(from, at));
          this.#walkCounted(chunk.subarray(at), this.#ctx.cut);
          return;
        }
      }
      if (type === FROM_SERVER.dataRow || type === FROM_SERVER.copyData) {
        rows++;
        rowBytes += bodyBytes + 1;
      } else {
        if (rows > 0) {
          this.#ctx.ledger.rows(rows, rowBytes);
          rows = rowBytes = 0;
        }
        const instead = this.#message(chunk, type, at, end);
        if (instead !== null) {
          if (at > from) this.#ctx.send(chunk.subarray(from, at));
          if (instead.length > 0) this.#ctx.send(instead);
          from = end;
        }
      }
      at = end;
    }
    if (rows > 0) this.#ctx.ledger.rows(rows, rowBytes);
    if (at > length) {
      this.#streaming = at - length;
      at = length;
    }
    if (at > from) this.#ctx.send(from === 0 && at === length ? chunk : chunk.subarray(from, at));
    // A copy: the chunk is only lent.
    if (at < length) this.#held = Buffer.from(chunk.subarray(at));
  }

  /** As `#walk`, where the budget may end within the chunk: each row is asked for. Errors: BudgetFault too. */
  #walkCounted(chunk: Buffer, cut: RowCut): void {
    const { ledger, send } = this.#ctx;
    const { length } = chunk;
    let from = 0;
    let at = Math.min(this.#streaming, length);
    this.#streaming -= at;
    if (this.#dropping > 0) {
      from = at = Math.min(this.#dropping, length);
      this.#dropping -= at;
    }
    while (length - at >= HEADER_BYTES) {
      const type = chunk[at];
      const bodyBytes = chunk.readUInt32BE(at + 1);
      const end = at + 1 + bodyBytes;
      if (bodyBytes < 4 || bodyBytes > LARGEST_MESSAGE_BYTES)
        throw new ServerFault('A message has an impossible length.');
      if (end > length && bodyBytes <= (type === FROM_SERVER.error ? LARGEST_READ_BYTES : LARGEST_HELD_BYTES))
        break;
      const isRow = type === FROM_SERVER.dataRow || type === FROM_SERVER.copyData;
      const instead = isRow
        ? cut.lets(bodyBytes + 1)
          ? null
          : NOTHING
        : (this.#instead(cut, chunk, type, at, end) ?? this.#message(chunk, type, at, end));
      if (isRow && instead === null) ledger.rows(1, bodyBytes + 1);
      if (instead !== null) {
        if (at > from) send(chunk.subarray(from, at));
        if (instead.length > 0) send(instead);
        from = end;
      }
      at = end;
    }
    if (at > length) {
      if (from > length) this.#dropping = at - length;
      else this.#streaming = at - length;
      at = length;
    }
    if (at > from) send(chunk.subarray(from, at));
    // A copy: the chunk is only lent.
    if (at < length) this.#held = Buffer.from(chunk.subarray(at));
  }

  #instead(cut: RowCut, chunk: Buffer, type: number | undefined, at: number, end: number): Buffer | null {
    return cut.instead(chunk, type, at, end, () =>
      affectedRows(chunk, at + HEADER_BYTES, Math.min(end, chunk.length)),
    );
  }

  /** As `#walk`, one message at a time: each is whole before any of it goes on. Errors: RowMaskFault too. */
  #walkMasked(chunk: Buffer, mask: RowMask): void {
    const out: Buffer[] = [];
    let at = 0;
    while (chunk.length - at >= HEADER_BYTES) {
      const type = chunk[at];
      const end = at + 1 + chunk.readUInt32BE(at + 1);
      if (end < at + HEADER_BYTES || end - at > LARGEST_MASKED_BYTES)
        throw new ServerFault('A message has an impossible length, or a row is too large to be masked.');
      if (end > chunk.length) break;
      const bytes = chunk.subarray(at, end);
      if (type === FROM_SERVER.dataRow || type === FROM_SERVER.copyData) {
        at = end;
        if (this.#ctx.cut?.lets(bytes.length) === false) continue;
        this.#ctx.ledger.rows(1, bytes.length);
        out.push(type === FROM_SERVER.dataRow ? mask.row(bytes) : mask.copied(bytes));
      } else out.push(this.#masked(bytes, type, mask));
      at = end;
    }
    if (out.length > 0) this.#ctx.send(out.length === 1 ? (out[0] ?? NOTHING) : Buffer.concat(out));
    // A copy: the chunk is only lent.
    if (at < chunk.length) this.#held = Buffer.from(chunk.subarray(at));
  }

  #masked(bytes: Buffer, type: number | undefined, mask: RowMask): Buffer {
    const { cut } = this.#ctx;
    const cutOff = cut === null ? null : this.#instead(cut, bytes, type, 0, bytes.length);
    if (cutOff !== null) {
      mask.end();
      return cutOff;
    }
    switch (type) {
      case FROM_SERVER.rowDescription:
      case FROM_SERVER.noData: {
        const asked = this.#ctx.ledger.described();
        // What the client asked for tells of a statement, not of the rows that come next.
        if (asked === 'client') return bytes;
        if (type === FROM_SERVER.rowDescription) mask.describe(bytes.subarray(HEADER_BYTES));
        else mask.end();
        return asked === 'ours' ? NOTHING : bytes;
      }
      case FROM_SERVER.notice: {
        const words = redacted(bytes);
        return this.#shortened(words) ?? words;
      }
      case FROM_SERVER.notification:
        return this.#message(bytes, type, 0, bytes.length) ?? withoutPayload(bytes);
      case FROM_SERVER.error: {
        mask.end();
        const words = redacted(bytes);
        return this.#error(bytes.subarray(HEADER_BYTES), this.#shortened(words) ?? words) ?? NOTHING;
      }
      case FROM_SERVER.commandComplete:
      case FROM_SERVER.portalSuspended:
      case FROM_SERVER.emptyQuery:
        mask.end();
    }
    return this.#message(bytes, type, 0, bytes.length) ?? bytes;
  }

  /** What goes to the client instead of this message; null: the message itself. */
  #message(chunk: Buffer, type: number | undefined, at: number, end: number): Buffer | null {
    const { ledger } = this.#ctx;
    switch (type) {
      case FROM_SERVER.commandComplete:
        if (ledger.makesNames) ledger.made(chunk.toString('latin1', at + HEADER_BYTES, end - 1));
        ledger.commandComplete(affectedRows(chunk, at + HEADER_BYTES, Math.min(end, chunk.length)));
        return null;
      case FROM_SERVER.ready:
        ledger.ready(chunk.readUInt8(Math.min(end, chunk.length) - 1));
        return null;
      case FROM_SERVER.error:
        return (
          this.#error(chunk.subarray(at + HEADER_BYTES, end)) ?? this.#shortened(chunk.subarray(at, end))
        );
      case FROM_SERVER.parseComplete:
        ledger.parseComplete();
        return null;
      case FROM_SERVER.bindComplete:
        ledger.bindComplete();
        return null;
      case FROM_SERVER.closeComplete:
        ledger.closeComplete();
        return null;
      case FROM_SERVER.emptyQuery:
        ledger.emptyQuery();
        return null;
      case FROM_SERVER.portalSuspended:
        ledger.portalSuspended();
        return null;
      case FROM_SERVER.copyIn:
        ledger.copyIn();
        return null;
      case FROM_SERVER.copyOut:
        ledger.copyOut();
        return null;
      case FROM_SERVER.parameterStatus: {
        const [name = '', value = ''] = chunk.toString('utf8', at + HEADER_BYTES, end).split('\0');
        this.#ctx.setting(name, value);
        return this.#shortened(chunk.subarray(at, end));
      }
      case FROM_SERVER.rowDescription:
      case FROM_SERVER.noData:
        if (this.#ctx.describes) ledger.described();
        return null;
      case FROM_SERVER.parameterDescription:
      case FROM_SERVER.copyDone:
        return null;
      case FROM_SERVER.notice:
        return this.#shortened(chunk.subarray(at, end));
      case FROM_SERVER.notification:
        return this.#ctx.cut?.notifies(end - at) === false ? NOTHING : null;
      default:
        throw new ServerFault('A message of an unknown type came.');
    }
  }

  /** Where a budget counts rows, what comes beside them is short; null: the message itself. */
  #shortened(bytes: Buffer): Buffer | null {
    return this.#ctx.cut === null ? null : shortened(bytes);
  }

  /** `redactedError`: what is told and recorded instead, but for a refusal, whose words are ours. */
  #error(body: Buffer, redactedError: Buffer | null = null): Buffer | null {
    const refusal = this.#ctx.standIns.find(readSqlFields(body).get('M') ?? '');
    const fields = readSqlFields(redactedError?.subarray(HEADER_BYTES) ?? body);
    const text = fields.get('M') ?? '';
    const severity = fields.get('V') ?? fields.get('S');
    this.#ctx.ledger.error(
      fields.get('C') ?? '',
      text,
      severity === 'FATAL' || severity === 'PANIC',
      refusal,
    );
    return refusal < 0 ? redactedError : this.#ctx.standIns.answer(refusal);
  }
}

/** The number at the end of a command's tag (`INSERT 0 5`, `SELECT 3`); -1 when there is none. */
export function affectedRows(chunk: Buffer, from: number, end: number): number {
  let rows = 0;
  let scale = 1;
  // The tag ends with a zero byte.
  for (let at = end - 2; at >= from; at--) {
    const digit = (chunk[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return scale > 1 && digit === SPACE ? rows : -1;
    rows += digit * scale;
    scale *= 10;
  }
  return -1;
}

const SPACE = 0x20 - 0x30;
