// The way to a server, which a test can close, cut or hold up: a TCP proxy on loopback.

import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface Road {
  port: number;
  /**
   * `refuse`: what is open breaks, and nobody listens. `silent`: connections are taken and nothing comes back, as behind
   * a dead firewall; what is open breaks when it opens again. `hold`: as `silent`, but what is under way arrives when it
   * opens again.
   */
  block(how: 'refuse' | 'silent' | 'hold'): Promise<void>;
  /** Breaks what is open; new connections pass. */
  cut(): void;
  open(): Promise<void>;
  close(): void;
}

interface Pair {
  client: Socket;
  server: Socket;
}

export async function openRoad(to: number): Promise<Road> {
  const sockets = new Set<Socket>();
  const pairs = new Set<Pair>();
  let blocked: 'refuse' | 'silent' | 'hold' | null = null;
  let server: Server;

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  }
  function pair(client: Socket): void {
    const upstream = dial({ host: '127.0.0.1', port: to, noDelay: true });
    keep(upstream);
    const both = { client, server: upstream };
    pairs.add(both);
    client.once('close', () => {
      upstream.destroy();
      pairs.delete(both);
    });
    upstream.once('close', () => client.destroy());
    join(both);
  }
  const join = ({ client, server: upstream }: Pair) => void client.pipe(upstream).pipe(client);
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server = createServer({ noDelay: true }, (client) => {
        keep(client);
        if (blocked === null) pair(client);
      });
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const port = await listen(0);
  return {
    port,
    cut,
    async block(how) {
      blocked = how;
      if (how === 'refuse') {
        cut();
        await new Promise<void>((resolve) => server.close(() => resolve()));
        return;
      }
      for (const { client, server: upstream } of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
      }
    },
    async open() {
      const was = blocked;
      blocked = null;
      if (was === 'hold') {
        const held = new Set([...pairs].flatMap((both) => [both.client, both.server]));
        for (const both of pairs) join(both);
        // Those that were taken meanwhile lead nowhere.
        for (const socket of sockets) if (!held.has(socket)) socket.destroy();
      } else cut();
      if (was === 'refuse') await listen(port);
    },
    close() {
      server.close();
      cut();
    },
  };
}
