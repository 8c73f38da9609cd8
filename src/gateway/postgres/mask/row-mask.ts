// Replaces masked values in the rows of one session. It knows what comes from the RowDescription that stands before:
// the relay asks for one before each Execute (client-side.ts), so there is always one, and rows without one end the
// session rather than pass. NULL stays NULL.

import type { PatternClass } from '../../../base/data-patterns.ts';
import { FROM_SERVER, HEADER_BYTES, message } from '../../../pg-wire/frames.ts';
import type { SessionMask } from './session-mask.ts';
import { type Format, TEXT } from './token.ts';

interface Column {
  masked: boolean;
  /** Texts are also looked through for patterns. */
  text: boolean;
  typeOid: number;
  format: Format;
}

/** Errors of all methods: RowMaskFault, for what cannot be masked for sure. */
export class RowMaskFault extends Error {}

const NULL_BYTES = 0xffff_ffff;
const FIELD_TAIL_BYTES = 18;
/** text, varchar, bpchar, name, unknown, json, xml, their arrays: what can hold a text that was computed. */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1043, 1042, 19, 705, 114, 142, 1009, 1015, 1014, 199]);

export class RowMask {
  readonly #mask: SessionMask;
  #columns: Column[] | null = null;
  /** Some column is masked or looked through. */
  #active = false;

  constructor(mask: SessionMask) {
    this.#mask = mask;
  }

  /** A RowDescription of rows that follow; `body` without type and length. */
  describe(body: Buffer): void {
    const count = body.readUInt16BE(0);
    const columns: Column[] = [];
    let at = 2;
    for (let i = 0; i < count; i++) {
      const nameEnd = body.indexOf(0, at);
      if (nameEnd < 0 || nameEnd + 1 + FIELD_TAIL_BYTES > body.length)
        throw new RowMaskFault('A description of rows is malformed.');
      const name = body.toString('utf8', at, nameEnd);
      at = nameEnd + 1;
      columns.push(this.#column(name, body, at));
      at += FIELD_TAIL_BYTES;
    }
    this.#columns = columns;
    this.#active = columns.some((column) => column.masked || column.text);
  }

  #column(name: string, body: Buffer, at: number): Column {
    const tableOid = body.readUInt32BE(at);
    const number = body.readInt16BE(at + 4);
    const typeOid = body.readUInt32BE(at + 6);
    const format: Format = body.readUInt16BE(at + 16) === 0 ? 0 : 1;
    const { byOid, names, patterns } = this.#mask;
    // Without an origin nobody knows what it is: a masked column's name is reason enough.
    const masked = tableOid === 0 ? names.has(name) : byOid.get(tableOid)?.has(number) === true;
    const readable = TEXT_TYPES.has(typeOid) || format === TEXT;
    return { masked, text: !masked && patterns.length > 0 && readable, typeOid, format };
  }

  /** The command is over. */
  end(): void {
    this.#columns = null;
  }

  /** A whole DataRow, as it goes to the client. */
  row(bytes: Buffer): Buffer {
    const columns = this.#columns;
    if (columns === null) throw new RowMaskFault('Rows came that nobody described.');
    if (!this.#active) return bytes;
    const count = bytes.readUInt16BE(HEADER_BYTES);
    if (count !== columns.length) throw new RowMaskFault('A row does not fit its description.');
    const parts: Buffer[] = [];
    let kept = HEADER_BYTES;
    let at = HEADER_BYTES + 2;
    for (const column of columns) {
      const length = bytes.readUInt32BE(at);
      const from = at + 4;
      at = length === NULL_BYTES ? from : from + length;
      if (at > bytes.length) throw new RowMaskFault('A row is shorter than it says.');
      if (length === NULL_BYTES || (!column.masked && !column.text)) continue;
      const value = bytes.subarray(from, at);
      const made = column.masked
        ? this.#mask.masker.mask(value, column.typeOid, column.format)
        : this.#look(value);
      if (made === value) continue;
      const size = Buffer.alloc(4);
      size.writeUInt32BE(made === null ? NULL_BYTES : made.length);
      parts.push(bytes.subarray(kept, from - 4), size);
      if (made !== null) parts.push(made);
      kept = at;
    }
    if (parts.length === 0) return bytes;
    parts.push(bytes.subarray(kept, at));
    return message(FROM_SERVER.dataRow, ...parts);
  }

  /** CopyData that comes out: no description, so it is looked through for patterns only (judge.ts keeps columns out). */
  copied(bytes: Buffer): Buffer {
    if (this.#mask.patterns.length === 0) return bytes;
    const value = bytes.subarray(HEADER_BYTES);
    const made = this.#look(value);
    return made === value ? bytes : message(FROM_SERVER.copyData, made);
  }

  #look(value: Buffer): Buffer {
    const text = value.toString('utf8');
    const looked = this.#mask.patterns.reduce<string>(
      (now, pattern: PatternClass) => pattern(now, (match) => this.#token(match)),
      text,
    );
    return looked === text ? value : Buffer.from(looked);
  }

  #token(match: string): string {
    return this.#mask.masker.mask(Buffer.from(match), TEXT_OID, TEXT)?.toString('latin1') ?? '';
  }
}

const TEXT_OID = 25;
