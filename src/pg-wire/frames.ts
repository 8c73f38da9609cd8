// The PostgreSQL wire format, versions 3.0 and 3.2: message types, and the messages that we write ourselves.
// Rule source: PostgreSQL documentation, "Frontend/Backend Protocol".

export const PROTOCOL_3_0 = 0x0003_0000;
export const PROTOCOL_3_2 = 0x0003_0002;
export const SSL_REQUEST = 80_877_103;
export const GSSENC_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;

/** Type byte and length. */
export const HEADER_BYTES = 5;

/** Types that clients send. */
export const FROM_CLIENT = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  password: 0x70, // p
} as const;

/** Types that servers send. */
export const FROM_SERVER = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notification: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  emptyQuery: 0x49, // I
  backendKey: 0x4b, // K
  notice: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  functionResult: 0x56, // V
  copyBoth: 0x57, // W
  ready: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateVersion: 0x76, // v
} as const;

/** One message: type, length, and the parts one after the other. */
export function message(type: number, ...parts: (Buffer | string)[]): Buffer {
  const bodies = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
  const bodyBytes = bodies.reduce((sum, body) => sum + body.length, 0);
  const head = Buffer.allocUnsafe(HEADER_BYTES);
  head[0] = type;
  head.writeUInt32BE(bodyBytes + 4, 1);
  return Buffer.concat([head, ...bodies], HEADER_BYTES + bodyBytes);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** Text up to a zero byte; the text itself cannot hold one. */
export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', '')}\0`);
}

/** An error or notice in the words of the protocol. `position` counts characters from 1. */
export interface SqlMessage {
  severity: 'FATAL' | 'ERROR' | 'WARNING' | 'NOTICE';
  sqlstate: string;
  text: string;
  hint?: string;
  position?: number;
}

const LONGEST_TEXT = 2_000;

function sqlFields(sql: SqlMessage): Buffer {
  const fields = [
    `S${sql.severity}`,
    `V${sql.severity}`,
    `C${sql.sqlstate}`,
    `M${sql.text.slice(0, LONGEST_TEXT)}`,
  ];
  if (sql.hint !== undefined) fields.push(`H${sql.hint.slice(0, LONGEST_TEXT)}`);
  if (sql.position !== undefined) fields.push(`P${sql.position}`);
  return Buffer.concat([...fields.map(zeroEnded), Buffer.from([0])]);
}

export function errorResponse(sql: SqlMessage): Buffer {
  return message(FROM_SERVER.error, sqlFields(sql));
}

export function noticeResponse(sql: SqlMessage): Buffer {
  return message(FROM_SERVER.notice, sqlFields(sql));
}

export function authentication(code: number, ...parts: Buffer[]): Buffer {
  return message(FROM_SERVER.authentication, int32(code), ...parts);
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(FROM_SERVER.parameterStatus, zeroEnded(name), zeroEnded(value));
}

/** The fields of an ErrorResponse or NoticeResponse body, by their letter. Hostile bodies give fewer fields. */
export function readSqlFields(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const letter = String.fromCharCode(body.readUInt8(at));
    const end = body.indexOf(0, at + 1);
    if (end < 0) break;
    if (!fields.has(letter)) fields.set(letter, body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return fields;
}
