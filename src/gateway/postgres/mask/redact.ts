// What a target says about values, in a masked session: a unique violation names the value, a failed cast quotes it, a
// notice or a notification may hold anything. The SQLSTATE and the names of constraint, table and column stay; words
// that may quote data are replaced by what the SQLSTATE means.
// Source of the classes: PostgreSQL documentation, "PostgreSQL Error Codes".

import { FROM_SERVER, HEADER_BYTES, message } from '../../../pg-wire/frames.ts';

/** Fields whose text never quotes a value: severity, code, position, schema, table, column, type, constraint. */
const KEPT: ReadonlySet<string> = new Set(['S', 'V', 'C', 'P', 's', 't', 'c', 'd', 'n']);
/** Classes in which the message itself speaks of names and syntax, not of values. */
const HARMLESS_CLASSES: ReadonlySet<string> = new Set(['08', '25', '28', '40', '42', '53', '54', '55', '57']);
const WORDS: Readonly<Record<string, string>> = {
  '22': 'a value is not what the statement needs',
  '23': 'a constraint does not allow this',
  P0: 'a function of the application failed',
};
const WITHHELD = 'details are withheld, because this session masks data';

const PROCESS_ID_BYTES = 4;

/** `bytes`: a whole NotificationResponse. Triggers of the application put rows into payloads; who waits is woken. */
export function withoutPayload(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0, HEADER_BYTES + PROCESS_ID_BYTES) + 1;
  return message(FROM_SERVER.notification, bytes.subarray(HEADER_BYTES, end), '\0');
}

/** `bytes`: a whole ErrorResponse or NoticeResponse. */
export function redacted(bytes: Buffer): Buffer {
  const fields: Buffer[] = [];
  let sqlstate = '';
  let said = '';
  let at = HEADER_BYTES;
  while (at < bytes.length && bytes[at] !== 0) {
    const end = bytes.indexOf(0, at);
    if (end < 0) break;
    const code = String.fromCharCode(bytes[at] ?? 0);
    if (code === 'C') sqlstate = bytes.toString('latin1', at + 1, end);
    if (code === 'M') said = bytes.toString('utf8', at + 1, end);
    if (KEPT.has(code)) fields.push(bytes.subarray(at, end + 1));
    at = end + 1;
  }
  const cls = sqlstate.slice(0, 2);
  const isError = bytes[0] === FROM_SERVER.error;
  // 42P… and the like quote what the statement itself says; a cast in a constant is class 22.
  const text =
    isError && HARMLESS_CLASSES.has(cls) ? said : `${WORDS[cls] ?? 'the server said something'}; ${WITHHELD}`;
  fields.push(Buffer.from(`M${text.replaceAll('\0', '')}\0`), Buffer.from([0]));
  return message(bytes[0] ?? 0, ...fields);
}
