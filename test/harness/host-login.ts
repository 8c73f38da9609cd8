// Logging in to a test's host past everything of ours: OpenSSH's own client, with a key made here and a certificate
// that the test signs as it likes.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuedCredential } from '../../src/api/grants.ts';
import { type CertificateTerms, signUserCertificate } from '../../src/ssh/certificate.ts';
import { newKeyPair, opensshPrivateKey, type SshKeyPair } from '../../src/ssh/keys.ts';
import type { TestHost } from './host.ts';

const ANSWER_LIMIT_MS = 15_000;
const HOUR_SECONDS = 3_600;

export interface HostIdentity {
  folder: string;
  /** For `ssh`, before the host's name. */
  options: string[];
}

/** A key with a certificate for `login` as a grant gets it, changed as the test wants. */
export function identityFor(
  host: TestHost,
  login: string,
  change: Partial<CertificateTerms> & { authority?: SshKeyPair } = {},
): HostIdentity {
  const { authority = host.authority, ...terms } = change;
  const folder = join(host.folder, `client-${randomBytes(6).toString('hex')}`);
  mkdirSync(folder, { mode: 0o700 });
  const pair = newKeyPair();
  const now = Math.floor(Date.now() / 1_000);
  const certificate = signUserCertificate(authority, pair.publicKey, {
    serial: 1n,
    keyId: login,
    principals: [login],
    validAfter: now - 60,
    validBefore: now + HOUR_SECONDS,
    extensions: ['permit-pty', 'permit-port-forwarding'],
    ...terms,
  });
  writeFileSync(join(folder, 'key'), opensshPrivateKey(pair, login).reveal(), { mode: 0o600 });
  writeFileSync(join(folder, 'key-cert.pub'), `${certificate}\n`);
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${host.port} ${host.hostKey}\n`);
  const named = {
    IdentityFile: join(folder, 'key'),
    CertificateFile: join(folder, 'key-cert.pub'),
    UserKnownHostsFile: join(folder, 'known_hosts'),
    GlobalKnownHostsFile: 'none',
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    LogLevel: 'ERROR',
    ConnectTimeout: '10',
  };
  return { folder, options: ['-F', 'none', ...asOptions(named), '-p', String(host.port)] };
}

/** What OpenSSH's clients need to log in at the gateway with a grant's secret. */
export interface GatewayLogin {
  /** Before `-p port` and the address. */
  options: string[];
  env: NodeJS.ProcessEnv;
  port: string;
  /** `login@host`. */
  at: string;
}

/** Writes what the clients read into `folder`: the gateway's key, and a program that says the secret. */
export function gatewayLogin(folder: string, { dsn, hostKey }: IssuedCredential): GatewayLogin {
  const url = new URL(dsn.replace(/^ssh:/, 'http:'));
  const askpass = join(folder, 'ask');
  writeFileSync(join(folder, 'known_hosts'), `[${url.hostname}]:${url.port} ${hostKey}\n`);
  writeFileSync(askpass, '#!/bin/sh\necho "$SECRET"\n', { mode: 0o700 });
  const named = {
    UserKnownHostsFile: join(folder, 'known_hosts'),
    StrictHostKeyChecking: 'yes',
    PubkeyAuthentication: 'no',
    NumberOfPasswordPrompts: '1',
    ControlMaster: 'no',
  };
  const secret = decodeURIComponent(url.password);
  return {
    options: ['-F', 'none', ...asOptions(named)],
    env: { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', SECRET: secret },
    port: url.port,
    at: `${url.username}@${url.hostname}`,
  };
}

const asOptions = (named: Record<string, string>): string[] =>
  Object.entries(named).flatMap(([name, value]) => ['-o', `${name}=${value}`]);

export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a program to its end. */
export function runClient(
  program: string,
  args: string[],
  input = '',
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...{ stdio: ['pipe', 'pipe', 'pipe'], timeout: ANSWER_LIMIT_MS, env },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.stdin.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });
}

export const sshTo = (identity: HostIdentity, user: string, ...args: string[]): Promise<Ran> =>
  runClient('ssh', [...identity.options, `${user}@127.0.0.1`, ...args]);

export interface HeldShell {
  /** Does it still answer? */
  works(): Promise<boolean>;
  close(): Promise<void>;
}

/** A shell that stays open. Rejects when the host refuses. */
export async function holdShell(identity: HostIdentity, user: string): Promise<HeldShell> {
  const child = spawn('ssh', [...identity.options, `${user}@127.0.0.1`, '/bin/sh'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const over = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdin.on('error', () => undefined);
  const works = () => answers(child, over);
  if (!(await works())) {
    child.kill('SIGKILL');
    await over;
    throw new Error('The host refused.');
  }
  return {
    works,
    async close() {
      child.kill('SIGKILL');
      await over;
    },
  };
}

function answers(child: ChildProcessWithoutNullStreams, over: Promise<void>): Promise<boolean> {
  const word = randomBytes(6).toString('hex');
  return new Promise((resolve) => {
    let said = '';
    const end = (answer: boolean) => {
      clearTimeout(timer);
      child.stdout.off('data', hear);
      resolve(answer);
    };
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(`<${word}>`)) end(true);
    };
    const timer = setTimeout(() => end(false), ANSWER_LIMIT_MS);
    child.stdout.on('data', hear);
    void over.then(() => end(false));
    if (child.exitCode !== null || child.signalCode !== null) return end(false);
    child.stdin.write(`echo "<${word}>"\n`);
  });
}
