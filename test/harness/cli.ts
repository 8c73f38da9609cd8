// For tests of the CLI only: a real HTTP server on loopback that answers with bodies of the wire schemas, and a way
// to run the real CLI process against it.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { type Request, request as requestSchema } from '../../src/api/requests.ts';
import { childEnvironment } from './child-environment.ts';

export const REQUEST_ID = 'req_01jd2q0v6w8x9y0z1a2b3c4d5e';
export const GRANT_ID = 'grt_01jd2q0v6w8x9y0z1a2b3c4d5f';
export const SESSION_ID = 'ses_01jd2q0v6w8x9y0z1a2b3c4d5g';
export const TOKEN = `sally_${'t0ken'.repeat(8)}abc`;
const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  token: string | null;
  body: unknown;
}

export interface Answer {
  status?: number;
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  raw?: string;
  /** The connection is dropped without an answer. */
  drop?: boolean;
}

export interface FixtureServer {
  url: string;
  calls: Call[];
  /** `route` is `GET /api/requests/:id`; the answer may depend on the call, and may take its time. */
  on(route: string, answer: (call: Call) => Answer | Promise<Answer>): void;
  close(): Promise<void>;
}

export async function startFixtureServer(): Promise<FixtureServer> {
  const routes: { method: string; pattern: RegExp; answer: (call: Call) => Answer | Promise<Answer> }[] = [];
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const call = await readCall(request);
    calls.push(call);
    const route = routes.findLast((one) => one.method === call.method && one.pattern.test(call.path));
    send(
      response,
      route === undefined ? problemAnswer(404, 'unknown-route', 'No such route.') : await route.answer(call),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    on(route, answer) {
      const [method = '', path = ''] = route.split(' ');
      routes.push({ method, pattern: new RegExp(`^${path.replace(/:[a-z]+/g, '[^/]+')}$`), answer });
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function problemAnswer(status: number, code: string, detail: string, more: object = {}): Answer {
  return {
    status,
    body: { type: `https://sallyport.dev/problems/${code}`, title: 'Error', status, code, detail, ...more },
  };
}

/** A body that the schema has accepted, so that no test runs on a shape that the server could not send. */
export function checked<S extends z.ZodType>(schema: S, body: z.input<S>): { body: z.output<S> } {
  return { body: schema.parse(body) };
}

const ENGINEER = {
  id: 'prn_01jd2q0v6w8x9y0z1a2b3c4d5a',
  name: 'engineer',
  displayName: 'Erin Engineer',
  kind: 'person',
} as const;
const APPROVER = {
  id: 'prn_01jd2q0v6w8x9y0z1a2b3c4d5b',
  name: 'approver',
  displayName: 'Ada Approver',
  kind: 'person',
} as const;

export function aRequest(changes: Partial<Request> = {}): Request {
  const now = Date.now();
  return requestSchema.parse({
    id: REQUEST_ID,
    state: 'pending',
    decision: {
      outcome: 'needs-approval',
      reasons: [{ policy: 'fix-orders', effect: 'permit', text: 'Changing orders needs one approval' }],
      obligations: {
        maxDurationSeconds: 7200,
        approvals: [{ count: 1, from: 'Group::"dba"' }],
        record: 'required',
        stepUp: 'none',
        mask: [],
      },
    },
    requester: ENGINEER,
    target: { name: 'orders-db', segment: 'prod/eu/orders', environment: 'prod', sensitivity: 'high' },
    task: { name: 'fix-orders', description: 'Mend orders', rights: ['UPDATE on public.orders'] },
    durationSeconds: 3600,
    members: [],
    extends: null,
    use: null,
    startsAt: null,
    approvedDurationSeconds: null,
    reason: 'refund order 1042',
    ticket: null,
    sourceAddress: '127.0.0.1',
    digest: 'd'.repeat(64),
    approvals: [],
    stages: [
      {
        count: 1,
        from: 'Group::"dba"',
        state: 'open',
        given: 0,
        candidates: [APPROVER],
        standIns: [],
        openedAt: '2026-11-22T10:00:00.000Z',
        widensAt: null,
      },
    ],
    seenBy: [{ by: APPROVER, at: new Date(now - 5000).toISOString() }],
    unusual: [],
    lastUsedAt: null,
    createdAt: new Date(now - 60_000).toISOString(),
    decidedAt: null,
    expiresAt: new Date(now + 3_600_000).toISOString(),
    mayApprove: true,
    mayNot: null,
    ...changes,
  });
}

export function aGrant(changes: Partial<Grant> = {}): Grant {
  const now = Date.now();
  return grantSchema.parse({
    id: GRANT_ID,
    requestId: REQUEST_ID,
    state: 'active',
    principal: ENGINEER,
    target: 'orders-db',
    task: 'fix-orders',
    segment: 'prod/eu/orders',
    login: 'sally_g_01jd2q0v6w',
    durationSeconds: 3600,
    createdAt: new Date(now - 1000).toISOString(),
    startsAt: null,
    activatedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 3_600_000).toISOString(),
    endedAt: null,
    endReason: null,
    absentAt: null,
    overdue: false,
    lastError: null,
    blockers: [],
    altered: [],
    breakGlass: null,
    nodes: [],
    liveSessions: 0,
    use: null,
    claimBy: null,
    landingSeconds: 0,
    extension: null,
    mayEnd: true,
    ...changes,
  });
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Sally {
  /** Runs the CLI to its end. */
  run(args: string[], options?: RunOptions): Promise<Finished>;
  home: string;
  remove(): void;
}

export interface RunOptions {
  env?: Record<string, string>;
  stdin?: string;
  cwd?: string;
  /** Called once stderr holds `text`, with the way to signal the process. */
  when?: { text: string; act: (kill: (signal: NodeJS.Signals) => void) => void };
}

/** The real CLI with a home of its own; `env` is all it gets besides PATH and HOME. */
export function createSally(env: Record<string, string>): Sally {
  const home = mkdtempSync(join(tmpdir(), 'sally-cli-'));
  return {
    home,
    remove: () => rmSync(home, { recursive: true, force: true }),
    run: (args, options = {}) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [CLI, ...args], {
          cwd: options.cwd ?? home,
          env: {
            ...childEnvironment(),
            HOME: home,
            SALLY_DATA: join(home, 'no-demo'),
            ...env,
            ...options.env,
          },
          stdio: 'pipe',
        });
        let stdout = '';
        let stderr = '';
        let acted = false;
        child.stdout.on('data', (piece) => {
          stdout += piece;
        });
        child.stderr.on('data', (piece) => {
          stderr += piece;
          if (options.when === undefined || acted || !stderr.includes(options.when.text)) return;
          acted = true;
          options.when.act((signal) => child.kill(signal));
        });
        child.stdin.on('error', () => undefined);
        child.stdin.end(options.stdin ?? '');
        child.on('error', reject);
        child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
      }),
  };
}

async function readCall(request: IncomingMessage): Promise<Call> {
  let text = '';
  for await (const piece of request) text += piece;
  const url = new URL(request.url ?? '/', 'http://fixture');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    token: request.headers.authorization?.replace(/^Bearer /, '') ?? null,
    body: text === '' ? null : JSON.parse(text),
  };
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer.drop === true) return void response.destroy();
  const problem = (answer.status ?? 200) >= 400;
  response.writeHead(answer.status ?? 200, {
    'content-type': problem ? 'application/problem+json' : 'application/json',
  });
  response.end(answer.raw ?? JSON.stringify(answer.body));
}
