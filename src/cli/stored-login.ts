// The logins of this machine: one token for each server, mode 0600, by origin, so that a token is never sent to
// another server than the one that it was given for.

import { join } from 'node:path';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { Environment } from './environment.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

export interface StoredLogin {
  token: Secret;
  /** The principal's name, for messages. */
  name: string;
}

interface LoginFile {
  current: string | null;
  logins: Record<string, { token: string; name: string }>;
}

export function loginFilePath(environment: Environment): string {
  return join(environment.configFolder, 'logins.json');
}

/** The server that was logged in to last, as an origin, or null. */
export function currentServer(environment: Environment): string | null {
  return read(environment).current;
}

export function storedLogin(environment: Environment, origin: string): StoredLogin | null {
  const login = read(environment).logins[origin];
  return login === undefined ? null : { token: new Secret(login.token), name: login.name };
}

export function storeLogin(environment: Environment, origin: string, login: StoredLogin): void {
  const file = read(environment);
  file.logins[origin] = { token: login.token.reveal(), name: login.name };
  write(environment, { current: origin, logins: file.logins });
}

/** Forgets the login for `origin`; false when there was none. */
export function forgetLogin(environment: Environment, origin: string): boolean {
  const file = read(environment);
  if (file.logins[origin] === undefined) return false;
  delete file.logins[origin];
  write(environment, { current: file.current === origin ? null : file.current, logins: file.logins });
  return true;
}

function read(environment: Environment): LoginFile {
  const path = loginFilePath(environment);
  const text = readIfThere(path);
  if (text === null) return { current: null, logins: {} };
  const file = parse(text);
  if (file === null) {
    throw new Failure('invalid', 'stored-login-broken', `${path} cannot be read.`, {
      hint: 'Remove that file and run `sally login` again.',
    });
  }
  return file;
}

function parse(text: string): LoginFile | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(raw) || !isRecord(raw.logins)) return null;
  const logins: LoginFile['logins'] = {};
  for (const [origin, login] of Object.entries(raw.logins)) {
    if (!isRecord(login) || typeof login.token !== 'string' || typeof login.name !== 'string') return null;
    logins[origin] = { token: login.token, name: login.name };
  }
  return { current: typeof raw.current === 'string' ? raw.current : null, logins };
}

function write(environment: Environment, file: LoginFile): void {
  writePrivateFile(loginFilePath(environment), `${JSON.stringify(file, null, 2)}\n`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
