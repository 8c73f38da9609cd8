// What a tool logs in to the proxy with: for each target and task of a server a port, a user and a password that stay
// the same, kept in the person's config with mode 0600. They are of no use anywhere but on this machine.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';
import type { Environment } from '../environment.ts';
import { readIfThere, writePrivateFile } from '../private-file.ts';

export interface LocalLogin {
  user: string;
  password: Secret;
  /** Where it listened last; null: never yet. */
  port: number | null;
}

const PASSWORD_BYTES = 24;
const proxyFile = z.record(
  z.string(),
  z.object({ user: z.string(), password: z.string().min(1), port: z.int().min(1).max(65_535).nullable() }),
);

/** The kept one, or a new one, which `keepLogin` keeps. Errors: `stored-proxies-broken`. */
export function localLogin(environment: Environment, name: string): LocalLogin {
  const kept = read(environment)[name];
  return kept === undefined
    ? { user: 'sally', password: new Secret(randomBytes(PASSWORD_BYTES).toString('base64url')), port: null }
    : { ...kept, password: new Secret(kept.password) };
}

export function keepLogin(environment: Environment, name: string, login: LocalLogin): void {
  const all = { ...read(environment), [name]: { ...login, password: login.password.reveal() } };
  writePrivateFile(pathOf(environment), `${JSON.stringify(all, null, 2)}\n`);
}

function read(environment: Environment): z.infer<typeof proxyFile> {
  const text = readIfThere(pathOf(environment));
  if (text === null) return {};
  try {
    return proxyFile.parse(JSON.parse(text));
  } catch (cause) {
    const path = pathOf(environment);
    throw new Failure('invalid', 'stored-proxies-broken', `${path} cannot be read.`, {
      hint: 'Remove that file; each proxy then has a new password, which your tools have to be told.',
      cause,
    });
  }
}

function pathOf(environment: Environment): string {
  return join(environment.configFolder, 'proxies.json');
}
