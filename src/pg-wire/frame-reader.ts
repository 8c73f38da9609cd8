// Messages of a login, one at a time: the slow and careful reader for both sides before a session runs (the relay has
// its own). It holds only bytes that have arrived, and refuses a length before it waits for it.

import type { Duplex } from 'node:stream';
import { HEADER_BYTES } from './frames.ts';
import { ProtocolError } from './protocol-error.ts';

export interface Frame {
  type: number;
  body: Buffer;
}

export interface FrameReader {
  /** The next `count` raw bytes. Errors: ProtocolError when the peer closes first. */
  bytes(count: number): Promise<Buffer>;
  /** The next message. Errors: ProtocolError for a length over `limit` (bytes of the body), or a closed peer. */
  frame(limit: number): Promise<Frame>;
  /** How many bytes have arrived and are not read. */
  waiting(): number;
  /** Stops reading; what came early is returned and belongs to whoever reads next. The stream is paused. */
  release(): Buffer;
}

// More than this in wait, and the stream is paused: a peer has no business to send ahead during a login.
const MOST_WAITING_BYTES = 64 * 1024;

export function createFrameReader(stream: Duplex): FrameReader {
  let held: Buffer = Buffer.alloc(0);
  let wake: (() => void) | null = null;
  let failure: Error | null = null;

  const onData = (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (held.length > MOST_WAITING_BYTES) stream.pause();
    wake?.();
  };
  const fail = (error: Error) => {
    failure ??= error;
    wake?.();
  };
  const onEnd = () => fail(new ProtocolError('closed', 'The other side closed the connection.'));
  const onError = (error: Error) => fail(new ProtocolError('closed', 'The connection failed.', error));
  stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);

  async function atLeast(count: number): Promise<void> {
    while (held.length < count) {
      if (failure !== null) throw failure;
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = null;
    }
  }

  function take(count: number): Buffer {
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    return taken;
  }

  async function bytes(count: number): Promise<Buffer> {
    await atLeast(count);
    return take(count);
  }

  return {
    bytes,
    async frame(limit) {
      await atLeast(HEADER_BYTES);
      const bodyBytes = held.readUInt32BE(1) - 4;
      if (bodyBytes < 0 || bodyBytes > limit) {
        throw new ProtocolError(
          'length',
          `A message of ${bodyBytes} bytes is not accepted here (at most ${limit}).`,
        );
      }
      await atLeast(HEADER_BYTES + bodyBytes);
      const type = held.readUInt8(0);
      take(HEADER_BYTES);
      return { type, body: take(bodyBytes) };
    },
    waiting: () => held.length,
    release() {
      stream.pause();
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError);
      const early = held;
      held = Buffer.alloc(0);
      return early;
    },
  };
}
