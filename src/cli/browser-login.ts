// Logging in by a browser on this machine (RFC 8252): we wait on a port of our own, the portal asks its person and sends
// the browser here with a code, which only we can redeem (PKCE). Whatever else knocks on the port is sent away.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { issuedToken } from '../api/people.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { createApi } from './client.ts';
import { interrupted } from './exit-codes.ts';
import { openInBrowser } from './open-browser.ts';
import type { Run } from './run.ts';

/** To sign in first, find the phone, and confirm. */
const PATIENCE_MS = 5 * 60_000;
const VERIFIER_BYTES = 48;
const STATE_BYTES = 24;

/** Errors: `timed-out`, `interrupted`; the server's own. */
export async function loginByBrowser(run: Run, origin: string): Promise<Secret> {
  const verifier = randomBytes(VERIFIER_BYTES).toString('base64url');
  const state = randomBytes(STATE_BYTES).toString('base64url');
  const waiting = await waitForCode(run.interrupt, state);
  try {
    const url = new URL('/login/cli', origin);
    url.searchParams.set('challenge', createHash('sha256').update(verifier).digest('base64url'));
    url.searchParams.set('state', state);
    url.searchParams.set('port', String(waiting.port));
    url.searchParams.set('machine', run.environment.machineName);
    run.out.say(`Confirm in the browser. If none opens: ${url.href}`);
    openInBrowser(run.environment, url.href);
    const code = await waiting.code;
    const api = createApi(origin, null, run.interrupt);
    const issued = await api.post('/api/cli-logins/token', issuedToken, { body: { code, verifier } });
    return new Secret(issued.token);
  } finally {
    waiting.close();
  }
}

interface Waiting {
  port: number;
  code: Promise<string>;
  close: () => void;
}

async function waitForCode(interrupt: AbortSignal, state: string): Promise<Waiting> {
  const { promise: code, resolve, reject } = Promise.withResolvers<string>();
  // Told by whoever waits; until then a rejection is nobody's.
  code.catch(() => undefined);
  const server = createServer((request, response) => {
    const found = codeIn(request, state);
    answer(response, found !== null);
    if (found !== null) resolve(found);
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', listening);
  });
  const address = server.address();
  const timer = setTimeout(
    () =>
      reject(
        new Failure('timeout', 'timed-out', 'Nobody confirmed in the browser.', {
          hint: 'Run `sally login` again, or `sally login --device` where no browser is.',
        }),
      ),
    PATIENCE_MS,
  );
  const stop = () => reject(interrupted('Stopped; nobody is logged in.'));
  interrupt.addEventListener('abort', stop, { once: true });
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    code,
    close() {
      clearTimeout(timer);
      interrupt.removeEventListener('abort', stop);
      server.close();
      server.closeAllConnections();
    },
  };
}

function codeIn(request: IncomingMessage, state: string): string | null {
  if (request.method !== 'GET') return null;
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname !== '/' || url.searchParams.get('state') !== state) return null;
  return url.searchParams.get('code');
}

function answer(response: ServerResponse, done: boolean): void {
  const text = done ? 'You are logged in. Go back to the terminal.' : 'Nothing waits for this here.';
  response
    .writeHead(done ? 200 : 400, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      connection: 'close',
    })
    .end(
      `<!doctype html><meta charset="utf-8"><title>Sallyport</title><meta name="color-scheme" content="light dark"><body style="font:17px/1.5 system-ui;margin:18vh auto;max-width:32ch;padding:0 20px">${text}`,
    );
}
