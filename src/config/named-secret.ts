// Secrets of the configuration stand elsewhere, in a variable or a file, so that the configuration itself can be shown to
// anybody.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';

export const namedSecret = z
  .string()
  .regex(/^(env:[A-Z_][A-Z0-9_]*|file:.+)$/, 'Write "env:NAME" or "file:/path": no secret stands here.');

export interface SecretPlaces {
  env: Record<string, string | undefined>;
  /** Where relative paths start. */
  folder: string;
}

/** `field` is its key. Errors: `config-invalid` for a secret that is not there. */
export function secretFrom(named: string, field: string, { env, folder }: SecretPlaces): Secret {
  const fail = (what: string) => new Failure('invalid', 'config-invalid', `${field} ${what}`, { field });
  const [, from, where = ''] = /^(env|file):(.+)$/.exec(named) ?? [];
  let text: string | undefined;
  if (from === 'env') text = env[where];
  else {
    const path = resolve(folder, where);
    if (!existsSync(path)) throw fail(`names ${path}, which does not exist.`);
    text = readFileSync(path, 'utf8').trim();
  }
  if (text === undefined || text === '') throw fail(`reads ${where}, which holds nothing.`);
  return new Secret(text);
}
