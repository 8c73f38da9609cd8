// A real host for tests: Debian's sshd and sudo with accounts of their own, in a mount and process namespace that has
// its own /etc, /home and /run, so that accounts, sudoers and kills stay inside. It ends with whoever started it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { setupScript } from '../../src/connectors/kinds/ssh/host-programs.ts';
import { keyPairOfSecret, newKeyPair, publicLine, type SshKeyPair } from '../../src/ssh/keys.ts';
import { skipWithout } from './services.ts';

const START_LIMIT_MS = 20_000;

export interface TestHost {
  port: number;
  /** Its one key, as pinned. */
  hostKey: string;
  admin: { user: string; password: Secret };
  installation: string;
  /** Signs what the host trusts. */
  authority: SshKeyPair;
  authorityLine: string;
  folder: string;
  /** As root in the host; standard output, or an Error with what it said. */
  run(script: string): string;
  /** The same, told by success. */
  succeeds(script: string): boolean;
  stop(): Promise<void>;
}

/** For `skip`: false where a host can be started. */
export function skipWithoutHost(): string | false {
  const missing = skipWithout('sshd', 'ssh', 'sshKeygen', 'sudo');
  if (missing !== false) return missing;
  if (process.getuid?.() !== 0) return 'a host of its own needs root';
  try {
    execFileSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'namespaces for mounts and processes are not allowed here (unshare)';
  }
}

// $1 folder, $2 port. The machine's own /etc is copied, so that accounts can be made; nothing of it is written to.
const START = `set -eu
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
for one in /run /home /root /var/spool /var/mail /usr/local/lib; do mount -t tmpfs -o mode=755 tmpfs "$one"; done
mkdir -p /run/sshd /var/spool/cron/crontabs
rm -rf /etc/ssh/sallyport /etc/sudoers.d/sallyport_* /etc/ssh/ssh_host_*
useradd -m -s /bin/bash deploy && usermod -p '*' deploy
groupadd -f reporters
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
printf 'Include /etc/ssh/sshd_config.d/*.conf\\nSubsystem sftp /usr/lib/openssh/sftp-server\\nUsePAM yes\\nPasswordAuthentication no\\nMaxStartups 100\\n' >/etc/ssh/sshd_config
rm -f /etc/ssh/sshd_config.d/*
sh "$1/setup"
cp /etc/ssh/ssh_host_ed25519_key.pub "$1/host-key.pub"
for one in /var/tmp /dev/shm /tmp; do mount -t tmpfs tmpfs "$one"; done
exec /usr/sbin/sshd -D -e -p "$2" -o ListenAddress=127.0.0.1 -o HostKey=/etc/ssh/ssh_host_ed25519_key
`;

/** With `prepared: false` it only lets the administrator in; `authority`: whom it trusts, otherwise one of its own. */
export async function startHost(
  options: { prepared?: boolean; authority?: SshKeyPair } = {},
): Promise<TestHost> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-host-'));
  const installation = newId('installation');
  const authority = options.authority ?? newKeyPair();
  const authorityLine = publicLine(authority.publicKey);
  const admin = { user: 'root', password: new Secret(newId('token')) };
  const adminKey = publicLine(keyPairOfSecret(admin.password).publicKey, `sallyport:${installation}`);
  const whole = setupScript({ installation, authorities: [authorityLine], adminKey });
  const keyOnly = `mkdir -p -m 700 /root/.ssh; echo '${adminKey}' >/root/.ssh/authorized_keys`;
  // The last line reloads a server that does not run yet.
  const text = options.prepared === false ? keyOnly : whole.replace(/&& \{ systemctl.*\n/, '\n');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'setup'), text);
  const port = await freePort();
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-c',
      START,
      'host',
      folder,
      String(port),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: false },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-20_000);
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    await listening(() => said, child);
  } catch (error) {
    kill();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const inside = innerPid(child);
  const run = (script: string) =>
    execFileSync('nsenter', ['-t', inside, '-m', '-p', 'sh', '-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const [type = '', key = ''] = readFileSync(join(folder, 'host-key.pub'), 'utf8').split(' ');
  return {
    ...{ port, admin, installation, authority, authorityLine, folder, run },
    hostKey: `${type} ${key}`,
    succeeds(script) {
      try {
        run(script);
        return true;
      } catch {
        return false;
      }
    },
    async stop() {
      const gone = new Promise((resolve) => child.once('close', resolve));
      if (child.exitCode === null && child.signalCode === null) {
        kill();
        await gone;
      }
      process.off('exit', kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Of the first process in the namespace. */
function innerPid(child: ChildProcess): string {
  return readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0] ?? '';
}

async function listening(said: () => string, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_LIMIT_MS;
  while (performance.now() < until) {
    if (said().includes('Server listening')) return;
    if (child.exitCode !== null) throw new Error(`The test's host did not start: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`The test's host does not listen: ${said()}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
