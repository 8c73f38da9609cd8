// A connection through the host to where the task allows it: carried as it is, counted, never recorded in its content.

import type { ClientChannel, ServerChannel } from 'ssh2';
import type { Entry } from './entries.ts';
import { Pump } from './pump.ts';
import type { ChannelContext, OpenChannel } from './relay.ts';

export class ForwardedConnection implements OpenChannel {
  readonly streams: OpenChannel['streams'];
  readonly running = false;
  readonly #ctx: ChannelContext;
  readonly #between: { channel: ServerChannel; stream: ClientChannel; entry: Entry };
  readonly #pumps: Pump[];
  #bytes = 0;
  #over = false;

  constructor(ctx: ChannelContext, between: { channel: ServerChannel; stream: ClientChannel; entry: Entry }) {
    this.#ctx = ctx;
    this.#between = between;
    const { channel, stream } = between;
    this.streams = [channel, stream];
    this.#pumps = [
      new Pump({
        ...{ from: channel, to: stream, socket: ctx.upstream.socket },
        take: (chunk) => {
          ctx.wrote(chunk.length);
          this.#bytes += chunk.length;
        },
        // Half of it ends at a time.
        ended: () => stream.eof(),
      }),
      new Pump({
        ...{ from: stream, to: channel, socket: ctx.client },
        take: (chunk) => {
          ctx.read(chunk.length);
          this.#bytes += chunk.length;
        },
        ended: () => channel.eof(),
      }),
    ];
    channel.on('close', () => this.#finish(null));
    stream.on('close', () => this.#finish(null));
    ctx.opened(this);
    if (ctx.held()) this.hold(true);
  }

  hold(held: boolean): void {
    for (const pump of this.#pumps) pump.hold(held);
  }

  tell(): void {
    // Its bytes are somebody else's protocol.
  }

  cut(said: string): void {
    this.#finish(said);
  }

  #finish(error: string | null): void {
    if (this.#over) return;
    this.#over = true;
    const { channel, stream, entry } = this.#between;
    this.#ctx.entries.end(entry, {
      bytes: this.#bytes,
      use: { verb: 'forward', object: entry.text },
      ...(error === null ? {} : { error }),
    });
    channel.close();
    stream.close();
    this.#ctx.closed(this);
  }
}
