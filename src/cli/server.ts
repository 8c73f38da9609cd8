// Which server, and as whom: flags, then the environment, then this machine's login, then the local default.

import { Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { demoPerson, findDemo } from './demo-people.ts';
import type { Environment } from './environment.ts';
import { usage } from './exit-codes.ts';
import { currentServer, storedLogin } from './stored-login.ts';

export const DEFAULT_SERVER = 'http://127.0.0.1:7070';

export interface Choice {
  server?: string | undefined;
  as?: string | undefined;
}

export interface Identity {
  origin: string;
  token: Secret;
  /** Where the token came from, for `whoami` and hints. */
  from: 'demo' | 'environment' | 'stored';
}

/** The server's origin (`https://sally.example`). Errors: usage, for what is no http or https address. */
export function chooseServer(environment: Environment, choice: Choice): string {
  if (choice.server !== undefined) return originOf(choice.server, '--server');
  if (environment.server !== null) return originOf(environment.server, 'SALLY_SERVER');
  if (choice.as !== undefined) return originOf(demoPerson(environment, choice.as).server, 'demo.json');
  return currentServer(environment) ?? DEFAULT_SERVER;
}

/** The token for that server. Errors: `login-needed` with how to get one. */
export function chooseIdentity(environment: Environment, choice: Choice): Identity {
  const origin = chooseServer(environment, choice);
  const identity = find(environment, choice, origin);
  if (identity === null) throw loginNeeded(environment, origin);
  refusePlainHttp(environment, origin);
  return identity;
}

function find(environment: Environment, choice: Choice, origin: string): Identity | null {
  if (choice.as !== undefined) {
    const person = demoPerson(environment, choice.as);
    if (originOf(person.server, 'demo.json') !== origin && !isLoopback(origin)) {
      throw usage(
        `--as gives the demo's token to ${person.server} only, not to ${origin}.`,
        'Leave out --server and SALLY_SERVER, or log in to that server with `sally login`.',
      );
    }
    return { origin, token: person.token, from: 'demo' };
  }
  if (environment.token !== null) return { origin, token: environment.token, from: 'environment' };
  const login = storedLogin(environment, origin);
  return login === null ? null : { origin, token: login.token, from: 'stored' };
}

/** A token on an open wire is everybody's. Errors: `plain-http`. */
export function refusePlainHttp(environment: Environment, origin: string): void {
  if (origin.startsWith('https:') || isLoopback(origin) || environment.allowPlainHttp) return;
  throw new Failure('invalid', 'plain-http', `A token is not sent over plain HTTP to ${origin}.`, {
    hint: 'Use https://, or set SALLY_PLAIN_HTTP=1 on a network that you trust.',
  });
}

export function loginNeeded(environment: Environment, origin: string): Failure {
  const demo = isLoopback(origin) ? findDemo(environment) : null;
  const hint =
    demo === null
      ? `Run \`sally login\`${origin === DEFAULT_SERVER ? '' : ` --server ${origin}`}, or set SALLY_TOKEN.`
      : `This is a demo: run \`sally login --as ${demo.people.keys().next().value ?? 'engineer'}\`, or add --as <person> to one command (${[...demo.people.keys()].join(', ')}).`;
  return new Failure('unauthenticated', 'login-needed', `Nobody is logged in to ${origin}.`, { hint });
}

export function isLoopback(origin: string): boolean {
  const { hostname } = new URL(origin);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function originOf(text: string, where: string): string {
  let url: URL | null = null;
  try {
    url = new URL(text);
  } catch {
    // told below, with what was meant
  }
  if (
    url === null ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    url.username !== '' ||
    url.password !== ''
  ) {
    throw usage(`${where} is not the address of a server.`, `Write it like ${DEFAULT_SERVER} .`);
  }
  return url.origin;
}
