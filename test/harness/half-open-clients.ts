// A process full of clients that connect and never finish: started by whoever counts what that costs the other side, since
// both ends of so many connections would not fit into one process. Argument: JSON of `HalfOpen`; talks over its channel.

import { connect, type Socket } from 'node:net';
import { z } from 'zod';

const AT_ONCE = 500;

export interface HalfOpen {
  port: number;
  /** Where they come from; a loopback address. */
  from: string;
  count: number;
  /** What they send, in turn, in base64; nothing is silence. */
  send: string[];
}

/** What it says when all have tried. */
export interface HalfOpenCount {
  /** Connected, at first. */
  connected: number;
  failed: number;
}

const given = z
  .object({ port: z.number(), from: z.string(), count: z.number(), send: z.array(z.string()) })
  .parse(JSON.parse(process.argv[2] ?? ''));
const words = given.send.map((text) => Buffer.from(text, 'base64'));
const said = { connected: 0, failed: 0 };
const held: Socket[] = [];

function open(n: number): Promise<void> {
  return new Promise((resolve) => {
    // They keep their half even when the other side has ended its own.
    const socket = connect({
      host: '127.0.0.1',
      port: given.port,
      localAddress: given.from,
      allowHalfOpen: true,
    });
    socket.once('connect', () => {
      said.connected++;
      const sent = words[n % words.length];
      if (sent !== undefined && sent.length > 0) socket.write(sent);
      resolve();
    });
    socket.on('error', () => {
      if (socket.connecting) said.failed++;
      resolve();
    });
    socket.resume();
    held.push(socket);
  });
}

process.on('disconnect', () => process.exit(0));
for (let n = 0; n < given.count; n += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, given.count - n) }, (_, i) => open(n + i)));
process.send?.(said);
