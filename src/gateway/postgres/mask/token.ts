// What stands in a masked value's place: the same for the same value of the same kind of data, so that rows can still be
// told apart and joined by eye, and nothing else about it. It is made with a key that only Sallyport has, so nobody can
// try values until a token fits. A column's type is kept, in text and binary, or its driver could not read the row;
// a type that is not known here becomes NULL in binary, where a made-up value could be read as anything.

import { createHmac } from 'node:crypto';

/** Of a RowDescription. */
export type Format = 0 | 1;
export const TEXT: Format = 0;

type Make = (hash: Buffer, format: Format) => Buffer;

const MOST_KEPT = 2_000;
const LONGEST_KEPT_BYTES = 200;
const TOKEN_CHARACTERS = 12;
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const DAY_MS = 86_400_000;
/** PostgreSQL's dates count from here. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
/** Made-up dates lie in this century, and are plainly not today. */
const DAYS = 36_500;

export interface Masker {
  /** `value` as it came; `typeOid` and `format` as described. Never the value itself; null is NULL. */
  mask(value: Buffer, typeOid: number, format: Format): Buffer | null;
}

/** `key`: 32 bytes, of one kind of data on one target. */
export function createMasker(key: Buffer): Masker {
  const kept = new Map<string, Buffer | null>();
  return {
    mask(value, typeOid, format) {
      const name =
        value.length > LONGEST_KEPT_BYTES ? null : `${typeOid}:${format}:${value.toString('latin1')}`;
      const known = name === null ? undefined : kept.get(name);
      if (known !== undefined) return known;
      const make = MAKERS.get(typeOid);
      const hash = createHmac('sha256', key).update(value).digest();
      // One value has one token in both formats where its bytes are the same in both, as those of texts are.
      const made = make !== undefined ? make(hash, format) : format === TEXT ? token(hash) : null;
      if (name !== null) {
        if (kept.size >= MOST_KEPT) kept.clear();
        kept.set(name, made);
      }
      return made;
    },
  };
}

function token(hash: Buffer): Buffer {
  let text = 'masked_';
  for (let i = 0; i < TOKEN_CHARACTERS; i++) text += ALPHABET[(hash[i] ?? 0) % ALPHABET.length];
  return Buffer.from(text, 'latin1');
}

const asText = (text: string | number | bigint): Buffer => Buffer.from(String(text), 'latin1');

function integer(bytes: 2 | 4 | 8): Make {
  return (hash, format) => {
    const made = Buffer.from(hash.subarray(0, bytes));
    made.writeUInt8((made[0] ?? 0) & 0x7f, 0);
    if (format !== TEXT) return made;
    return asText(bytes === 8 ? made.readBigInt64BE(0) : made.readIntBE(0, bytes));
  };
}

function float(bytes: 4 | 8): Make {
  return (hash, format) => {
    const value = hash.readUInt16BE(0);
    if (format === TEXT) return asText(value);
    const made = Buffer.alloc(bytes);
    if (bytes === 4) made.writeFloatBE(value);
    else made.writeDoubleBE(value);
    return made;
  };
}

/** One digit to the base of 10,000, positive, no decimals. */
const numeric: Make = (hash, format) => {
  const value = 1 + (hash.readUInt16BE(0) % 9_999);
  if (format === TEXT) return asText(value);
  const made = Buffer.alloc(10);
  made.writeInt16BE(1, 0);
  made.writeInt16BE(value, 8);
  return made;
};

const dayOf = (hash: Buffer): number => hash.readUInt32BE(0) % DAYS;
const isoDay = (hash: Buffer): string => new Date(EPOCH_MS + dayOf(hash) * DAY_MS).toISOString().slice(0, 10);

const date: Make = (hash, format) => {
  if (format === TEXT) return asText(isoDay(hash));
  const made = Buffer.alloc(4);
  made.writeInt32BE(dayOf(hash));
  return made;
};

function timestamp(zone: string): Make {
  return (hash, format) => {
    if (format === TEXT) return asText(`${isoDay(hash)} 00:00:00${zone}`);
    const made = Buffer.alloc(8);
    made.writeBigInt64BE(BigInt(dayOf(hash)) * BigInt(DAY_MS) * 1_000n);
    return made;
  };
}

const boolean: Make = (_hash, format) => (format === TEXT ? asText('f') : Buffer.from([0]));

const uuid: Make = (hash, format) => {
  const made = Buffer.from(hash.subarray(0, 16));
  if (format !== TEXT) return made;
  return asText(made.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
};

const bytea: Make = (hash, format) =>
  format === TEXT ? asText(`\\x${hash.subarray(0, 8).toString('hex')}`) : Buffer.from(hash.subarray(0, 8));

const json: Make = (hash) => Buffer.from(`"${token(hash).toString('latin1')}"`, 'latin1');
/** Its binary form is the text behind a version. */
const jsonb: Make = (hash, format) =>
  format === TEXT ? json(hash, format) : Buffer.concat([Buffer.from([1]), json(hash, format)]);

/** By the OIDs of pg_type, which are fixed. */
const MAKERS: ReadonlyMap<number, Make> = new Map([
  ...[18, 19, 25, 1042, 1043].map((oid): [number, Make] => [oid, token]),
  [16, boolean],
  [17, bytea],
  [20, integer(8)],
  [21, integer(2)],
  [23, integer(4)],
  [114, json],
  [700, float(4)],
  [701, float(8)],
  [1082, date],
  [1114, timestamp('')],
  [1184, timestamp('+00')],
  [1700, numeric],
  [2950, uuid],
  [3802, jsonb],
]);
