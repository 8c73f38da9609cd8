// A postgres:// address as the parts that clients want, so that a password travels in the environment of one child
// process or inside this one, and never in arguments.

import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';

export interface Dsn {
  host: string;
  port: number;
  user: string;
  database: string;
  password: Secret;
  /** As libpq names it: disable, prefer, require, verify-full …; null when the address says nothing. */
  sslMode: string | null;
  whole: Secret;
}

const USUAL_PORT = 5432;

/** Errors: `bad-dsn` (without the text: it holds a secret). */
export function parseDsn(text: string): Dsn {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw badDsn();
  }
  if (!/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '' || url.username === '') throw badDsn();
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? USUAL_PORT : Number(url.port),
    user: decodeURIComponent(url.username),
    password: new Secret(decodeURIComponent(url.password)),
    database: decodeURIComponent(url.pathname.slice(1)),
    sslMode: url.searchParams.get('sslmode'),
    whole: new Secret(text),
  };
}

/**
 * Variables for a program that uses libpq or reads DATABASE_URL. What the person's own environment could turn the
 * connection with (another host address, a service file, startup options) is taken away: null.
 */
export function dsnVariables(dsn: Dsn): Record<string, string | null> {
  return {
    DATABASE_URL: dsn.whole.reveal(),
    PGHOST: dsn.host,
    PGPORT: String(dsn.port),
    PGUSER: dsn.user,
    PGDATABASE: dsn.database,
    PGPASSWORD: dsn.password.reveal(),
    PGSSLMODE: dsn.sslMode ?? 'prefer',
    PGHOSTADDR: null,
    PGSERVICE: null,
    PGSERVICEFILE: null,
    PGOPTIONS: null,
    PGPASSFILE: null,
    PGREQUIRESSL: null,
    PGSSLROOTCERT: null,
    PGSSLCERT: null,
    PGSSLKEY: null,
    PGCHANNELBINDING: null,
    PGREQUIREAUTH: null,
    PGTARGETSESSIONATTRS: null,
    PGLOADBALANCEHOSTS: null,
  };
}

function badDsn(): Failure {
  return new Failure(
    'unavailable',
    'bad-dsn',
    'The server returned an address that is not a PostgreSQL one.',
    {
      hint: 'Are the CLI and the server of the same version?',
    },
  );
}
