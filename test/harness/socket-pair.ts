// Pairs of connected sockets on loopback, one end taken by the gateway's fast sockets, for the tests of those.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastSocket, FastSocketEvents, FastSockets } from '../../src/gateway/fast-socket.ts';

export const LONGEST_WAIT_MS = 20_000;

export interface SocketPair {
  near: FastSocket;
  far: Socket;
  /** Copies. */
  chunks: Buffer[];
  heard: string[];
}

export interface SocketPairs {
  readonly port: number;
  /** Two ends that nobody has taken. */
  accepted(): Promise<{ socket: Socket; far: Socket }>;
  pair(way: FastSockets, events?: Partial<FastSocketEvents>): Promise<SocketPair>;
  stop(): void;
}

export async function startSocketPairs(): Promise<SocketPairs> {
  const server = createServer({ pauseOnConnect: true });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;

  async function accepted(): Promise<{ socket: Socket; far: Socket }> {
    const waiting = once(server, 'connection');
    const far = connect(port, '127.0.0.1');
    far.on('error', () => undefined);
    sockets.add(far);
    const [socket] = (await waiting) as [Socket];
    return { socket, far };
  }

  return {
    port,
    accepted,
    async pair(way, events) {
      const { socket, far } = await accepted();
      return { far, ...take(way, socket, events) };
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function take(
  way: FastSockets,
  socket: Socket,
  events: Partial<FastSocketEvents> = {},
): Omit<SocketPair, 'far'> {
  const chunks: Buffer[] = [];
  const heard: string[] = [];
  const near = way(socket, socket, {
    chunk: (bytes) => chunks.push(Buffer.from(bytes)),
    drain: () => heard.push('drain'),
    end: () => heard.push('end'),
    close: () => heard.push('close'),
    failed: (error) => heard.push(`failed: ${error instanceof Error ? error.message : ''}`),
    ...events,
  });
  return { near, chunks, heard };
}

export async function until(look: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + LONGEST_WAIT_MS;
  while (!look()) {
    assert.ok(performance.now() < giveUpAt, 'it never came');
    await pause(5);
  }
}

/** All of them as one text. */
export const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
