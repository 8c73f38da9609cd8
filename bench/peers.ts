// Who stands beside the gateway: PgBouncer with session pooling, and a pipe in Node that looks at nothing; each in a
// process of its own, in front of the same target.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_LIMIT_MS = 10_000;
/** PgBouncer refuses to run as root. */
const LESSER_USER = 'nobody';

export interface Peer {
  port: number;
  stop(): Promise<void>;
}

/** In front of `target`, for its one user. */
export async function startPgbouncer(program: string, target: URL): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-pgbouncer-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const database = target.pathname.slice(1);
  writeFileSync(join(folder, 'users'), `"${target.username}" "${decodeURIComponent(target.password)}"\n`);
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${database} = host=${target.hostname} port=${target.port} dbname=${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users')}
pool_mode = session
max_client_conn = 200
default_pool_size = 100
`,
  );
  const args = process.getuid?.() === 0 ? ['-u', LESSER_USER] : [];
  const child = spawn(program, ['-q', ...args, join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const ended = once(child, 'close').then(() => true);
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const giveUpAt = performance.now() + START_LIMIT_MS;
  while (!(await answers(port))) {
    if (performance.now() > giveUpAt || child.exitCode !== null) {
      await stop();
      throw new Error(`PgBouncer does not start:\n${said}`);
    }
    await delay(50);
  }
  return { port, stop };
}

export async function startBarePipe(targetPort: number): Promise<Peer> {
  const script = join(import.meta.dirname, 'bare-pipe.ts');
  const child = spawn(process.execPath, [script, String(targetPort)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const [said] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_LIMIT_MS) });
  return {
    port: Number(String(said)),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const tell = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => tell(true)).once('error', () => tell(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('No port is free.')),
      );
    });
  });
}
