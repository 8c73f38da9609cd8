// A real S3 server (versitygw, on a folder), and a road to it that can be shut, be slow, answer for it or end the program that
// called, at any request: what a store of objects does to whoever relies on it.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childEnvironment } from './child-environment.ts';
import { freePort } from './oidc.ts';
import { services } from './services.ts';

const START_LIMIT_MS = 30_000;

export interface S3Server {
  /** Straight to it. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKey: string;
  secretKey: string;
  /** Where an object's bytes are, to be looked at and tampered with. */
  file(key: string): string;
  /** Of uploads that nobody has completed. */
  folder: string;
  /** The process is gone; `start` brings it back on the same port and folder. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-s3-'));
  const bucket = 'sallyport-recordings';
  const [objects, versions] = [join(folder, 'objects'), join(folder, 'iam')];
  mkdirSync(join(objects, bucket), { recursive: true });
  mkdirSync(versions);
  const port = await freePort();
  const [accessKey, secretKey, region] = ['sallyport', `canary-${crypto.randomUUID()}`, 'eu-test-1'];
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    let said = '';
    const server = spawn(
      services.s3 ?? '',
      ['--port', `127.0.0.1:${port}`, '--region', region, '--quiet', 'posix', '--sidecar', versions, objects],
      {
        env: { ...childEnvironment(), ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    server.stdout?.on('data', (chunk) => (said += String(chunk)));
    server.stderr?.on('data', (chunk) => (said += String(chunk)));
    child = server;
    const endsAt = Date.now() + START_LIMIT_MS;
    while (
      !(await fetch(endpoint).then(
        () => true,
        () => false,
      ))
    ) {
      if (Date.now() > endsAt || server.exitCode !== null)
        throw new Error(`versitygw did not start: ${said}`);
      await delay(50);
    }
  }

  async function kill(): Promise<void> {
    const server = child;
    child = null;
    if (server === null || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    ...{ endpoint, bucket, region, accessKey, secretKey, folder: join(objects, bucket) },
    file: (key) => join(objects, bucket, key),
    kill,
    start,
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What becomes of a request on the road. */
export type OnTheWay =
  | 'pass'
  /** An answer of this status instead. */
  | { status: number; body?: string }
  /** The connection is cut before anything went on. */
  | 'cut'
  /** It went on and was answered; the answer never came. */
  | 'lost'
  /** Half of the answer's body, and the end of the connection. */
  | 'half'
  /** The answer comes after so many milliseconds. */
  | { slowMs: number };

export interface S3Road {
  endpoint: string;
  /** `METHOD /path?query` of all so far. */
  seen: string[];
  /** Asked for each request; may do something, such as kill whoever sent it. */
  rule: (line: string) => OnTheWay | Promise<OnTheWay>;
  /** What somebody on the way does to a body that goes to the store. */
  change: ((body: Buffer) => void) | null;
  close(): Promise<void>;
}

export async function openS3Road(to: string): Promise<S3Road> {
  const target = new URL(to);
  const road: S3Road = {
    ...{ endpoint: '', seen: [], rule: () => 'pass', change: null, close: async () => undefined },
  };
  const server = createServer((asked, answer) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('error', () => answer.destroy());
    asked.on('end', () => void pass(asked, Buffer.concat(chunks), answer).catch(() => answer.destroy()));
  });

  async function pass(asked: IncomingMessage, body: Buffer, answer: ServerResponse): Promise<void> {
    const line = `${asked.method} ${asked.url}`;
    road.seen.push(line);
    const what = await road.rule(line);
    if (what === 'cut') return void answer.destroy();
    if (typeof what === 'object' && 'status' in what) {
      answer.writeHead(what.status, { 'content-type': 'application/xml' });
      return void answer.end(what.body ?? '');
    }
    if (body.length > 0) road.change?.(body);
    // The Host is signed, so it goes on as it came.
    const got = await forward(target, asked, body);
    if (typeof what === 'object') await delay(what.slowMs);
    if (what === 'lost') return void answer.destroy();
    answer.writeHead(got.status, got.headers);
    if (what !== 'half') return void answer.end(got.body);
    answer.write(got.body.subarray(0, Math.floor(got.body.length / 2)));
    setTimeout(() => answer.destroy(), 100);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  road.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  road.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return road;
}

function forward(target: URL, asked: IncomingMessage, body: Buffer) {
  return new Promise<{ status: number; headers: Record<string, string | string[]>; body: Buffer }>(
    (resolve, reject) => {
      const sent = request(
        {
          ...{ host: target.hostname, port: target.port, method: asked.method, path: asked.url },
          headers: { ...asked.headers, 'content-length': String(body.length) },
          setHost: false,
          agent: false,
        },
        (got) => {
          const parts: Buffer[] = [];
          got.on('data', (chunk: Buffer) => parts.push(chunk));
          got.on('error', reject);
          got.on('end', () => {
            const { 'transfer-encoding': _, connection: __, ...headers } = got.headers;
            resolve({
              status: got.statusCode ?? 500,
              headers: headers as Record<string, string | string[]>,
              body: Buffer.concat(parts),
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    },
  );
}
