// The packets before a login, which have no type byte: how they are framed, what pairs they hold, and which version is
// spoken in the end. Rule source: PostgreSQL documentation, "Message Formats", StartupMessage.

import type { FrameReader } from './frame-reader.ts';
import { FROM_SERVER, int32, message, PROTOCOL_3_0, PROTOCOL_3_2, zeroEnded } from './frames.ts';
import { ProtocolError } from './protocol-error.ts';

const LARGEST_STARTUP_BYTES = 10_000;
const SHORTEST_STARTUP_BYTES = 8;
const MOST_PARAMETERS = 40;

/** `head`: its first byte. Errors: ProtocolError for a length that is not accepted, before anything is waited for. */
export async function readStartupPacket(
  reader: FrameReader,
  head: Buffer,
): Promise<{ code: number; body: Buffer }> {
  const length = Buffer.concat([head, await reader.bytes(3)]).readUInt32BE(0);
  if (length < SHORTEST_STARTUP_BYTES || length > LARGEST_STARTUP_BYTES) {
    throw new ProtocolError('length', `A startup packet of ${length} bytes is not accepted.`);
  }
  const packet = await reader.bytes(length - 4);
  return { code: packet.readUInt32BE(0), body: packet.subarray(4) };
}

/** A packet of that code, ready to send. */
export function startupPacket(code: number, body: Buffer): Buffer {
  return Buffer.concat([int32(8 + body.length), int32(code), body]);
}

/** Names and values as they came. `body` is a startup packet after its version. Errors: ProtocolError. */
export function readStartupPairs(body: Buffer): [string, string][] {
  const texts: string[] = [];
  let at = 0;
  while (at < body.length) {
    const end = body.indexOf(0, at);
    if (end < 0) throw notEnded();
    if (end === at && texts.length % 2 === 0) {
      if (end !== body.length - 1)
        throw new ProtocolError('startup', 'The startup packet goes on after its end.', undefined, '08P01');
      return pairUp(texts);
    }
    texts.push(body.toString('utf8', at, end));
    if (texts.length > MOST_PARAMETERS * 2)
      throw new ProtocolError('startup', 'The startup packet has too many parameters.');
    at = end + 1;
  }
  throw notEnded();
}

export function startupBody(pairs: [string, string][]): Buffer {
  return Buffer.concat([...pairs.flat().map(zeroEnded), Buffer.from([0])]);
}

/** Errors: ProtocolError for a version that nobody speaks any more. */
export function checkMajor(code: number): void {
  if (code >>> 16 === 3) return;
  const asked = `${code >>> 16}.${code & 0xffff}`;
  throw new ProtocolError('startup', `Protocol ${asked} is not supported.`, undefined, '0A000');
}

/**
 * The minor version that is spoken with a client that asked for `code`, and what it has to be told, if anything
 * (NegotiateProtocolVersion): that it is another, or which of its options nobody knows.
 */
export function settleVersion(code: number, unknownOptions: string[]): { minor: 0 | 2; told: Buffer | null } {
  const asked = code & 0xffff;
  // 3.1 was never released; PostgreSQL itself answers it with 3.0.
  const minor = asked >= 2 ? 2 : 0;
  if (asked === minor && unknownOptions.length === 0) return { minor, told: null };
  const names = unknownOptions.map(zeroEnded);
  const spoken = minor === 2 ? PROTOCOL_3_2 : PROTOCOL_3_0;
  return {
    minor,
    told: message(FROM_SERVER.negotiateVersion, int32(spoken), int32(names.length), ...names),
  };
}

function pairUp(texts: string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) pairs.push([texts[i] ?? '', texts[i + 1] ?? '']);
  return pairs;
}

function notEnded(): ProtocolError {
  return new ProtocolError('startup', 'The startup packet does not end.', undefined, '08P01');
}
