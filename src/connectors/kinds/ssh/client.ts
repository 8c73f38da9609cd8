// The administrative connection to one host: one SSH connection whose socket comes from `dial`, kept open and shared,
// with few commands at a time, limits on everything, and pinned keys of the host. What is run goes in on standard
// input; nothing is put into a command line.

import ssh2 from 'ssh2';
import { Failure, messageOf } from '../../../base/errors.ts';
import { after } from '../../../base/timer.ts';
import { keyPairOfSecret, opensshPrivateKey, publicLine } from '../../../ssh/keys.ts';
import type { TargetAccess } from '../../contract.ts';
import { type HostVerb, hostScript } from './host-script.ts';
import type { TargetSettings } from './settings.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const LOGIN_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 20_000;
/** sshd's own limit is ten channels a connection. */
const MOST_AT_ONCE = 6;
const MOST_WAITING = 10_000;
const MOST_OUTPUT_BYTES = 2_000_000;
const KEEPALIVE_MS = 15_000;

export interface HostClient {
  access: TargetAccess<TargetSettings>;
  /** For people: `host:port`. */
  node: string;
  connected: Promise<ssh2.Client> | null;
  running: number;
  waiting: (() => void)[];
  closed: boolean;
}

/** `[key, value]` of each line that the host's script said. */
export type Answer = [key: string, value: string][];

export const valuesOf = (answer: Answer, key: string): string[] =>
  answer.flatMap(([name, value]) => (name === key ? [value] : []));

/** Opens nothing yet: the first verb connects. */
export function createClient(access: TargetAccess<TargetSettings>): HostClient {
  const node = `${access.settings.host}:${access.settings.port}`;
  return { access, node, connected: null, running: 0, waiting: [], closed: false };
}

export async function closeClient(client: HostClient): Promise<void> {
  client.closed = true;
  const { connected } = client;
  client.connected = null;
  await connected?.then(
    (open) => open.end(),
    () => undefined,
  );
}

/** Errors: `target-down`, `target-login-failed`, `host-key-changed`, `target-aborted`; what the script says. */
export async function runOnHost(
  client: HostClient,
  verb: HostVerb,
  args: string[],
  signal: AbortSignal,
): Promise<Answer> {
  await takeTurn(client, signal);
  try {
    const open = await untilAborted(signal, connection(client));
    const text = await untilAborted(
      signal,
      execute(client, open, hostScript(verb, client.access.mark, args), signal),
    );
    return answerOf(text);
  } finally {
    client.running--;
    client.waiting.shift()?.();
  }
}

async function takeTurn(client: HostClient, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw aborted();
  if (client.running >= MOST_AT_ONCE) {
    if (client.waiting.length >= MOST_WAITING)
      throw new Failure('limit', 'target-busy', `More than ${MOST_WAITING} calls wait for this host.`);
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        client.waiting.splice(client.waiting.indexOf(turn), 1);
        reject(aborted());
      };
      signal.addEventListener('abort', giveUp, { once: true });
      client.waiting.push(turn);
    });
  }
  client.running++;
}

/** The one connection, made when there is none; all that ask meanwhile share it. */
function connection(client: HostClient): Promise<ssh2.Client> {
  if (client.connected !== null) return client.connected;
  if (client.closed) return Promise.reject(down('The connection to the host was closed.'));
  const connecting = connect(client.access);
  client.connected = connecting;
  const forget = () => {
    if (client.connected === connecting) client.connected = null;
  };
  connecting.then((open) => open.once('close', forget), forget);
  return connecting;
}

async function connect({ settings, admin, dial }: TargetAccess<TargetSettings>): Promise<ssh2.Client> {
  const { host, port, hostKeys } = settings;
  const sock = await dial({ host, port, timeoutMs: CONNECT_TIMEOUT_MS });
  return new Promise((resolve, reject) => {
    const open = new ssh2.Client();
    let shown: string | null = null;
    open.on('error', (error) => {
      sock.destroy();
      reject(failureOf(error, shown));
    });
    open.once('close', () => reject(down('The host closed the connection.')));
    open.once('ready', () => resolve(open));
    open.connect({
      sock,
      username: admin.user,
      privateKey: opensshPrivateKey(keyPairOfSecret(admin.password), 'sallyport').reveal(),
      algorithms: { serverHostKey: algorithmsFor(hostKeys) },
      hostVerifier: (key: Buffer) => {
        const base64 = key.toString('base64');
        const pinned = hostKeys.some((line) => line.slice(line.indexOf(' ') + 1) === base64);
        if (!pinned) shown = base64;
        return pinned;
      },
      readyTimeout: LOGIN_TIMEOUT_MS,
      keepaliveInterval: KEEPALIVE_MS,
    });
  });
}

const HOST_KEY_ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** Only those of pinned keys, so that a host which has more shows one of these. */
function algorithmsFor(hostKeys: string[]): (typeof HOST_KEY_ALGORITHMS)[number][] {
  const types = new Set(hostKeys.map((line) => line.slice(0, line.indexOf(' '))));
  return HOST_KEY_ALGORITHMS.filter((name) => types.has(name.startsWith('rsa-') ? 'ssh-rsa' : name));
}

function failureOf(error: Error & { level?: string }, shown: string | null): Failure {
  const cause = new Error(`${error.level ?? 'ssh'}: ${messageOf(error)}`);
  if (shown !== null)
    return new Failure('unavailable', 'host-key-changed', 'The host shows a key that is not pinned for it.', {
      hint: 'Was it installed anew? Ask whoever runs it, then change the setting hostKeys of the target. If not, somebody else answers there.',
      cause,
    });
  if (error.level === 'client-authentication')
    return new Failure('unavailable', 'target-login-failed', 'The host refused the administrator’s key.', {
      hint: 'The key goes into authorized_keys of that account: a check of the target prints the line.',
      cause,
    });
  return down('The connection to the host failed.', cause);
}

const down = (message: string, cause?: unknown) =>
  new Failure('unavailable', 'target-down', message, cause === undefined ? {} : { cause });

const aborted = () => new Failure('timeout', 'target-aborted', 'The wait for the host was given up.');

function execute(
  client: HostClient,
  open: ssh2.Client,
  script: string,
  signal: AbortSignal,
): Promise<string> {
  const command = client.access.admin.user === 'root' ? '/bin/sh -s' : 'sudo -n /bin/sh -s';
  return new Promise((resolve, reject) => {
    open.exec(command, (error, stream) => {
      if (error !== undefined) return reject(down('The host opens no channel for a command.', error));
      const parts: Buffer[] = [];
      let size = 0;
      let errors = '';
      const end = () => stream.close();
      const timer = after(COMMAND_TIMEOUT_MS, () => {
        reject(new Failure('timeout', 'target-timeout', 'The host took too long.'));
        end();
      });
      signal.addEventListener('abort', end, { once: true });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= MOST_OUTPUT_BYTES) parts.push(chunk);
        else end();
      });
      stream.stderr.on('data', (chunk: Buffer) => {
        errors = `${errors}${chunk.toString('latin1')}`.slice(-500);
      });
      // A channel that the host closed while the script was still being written.
      stream.on('error', () => undefined);
      let code: number | null = null;
      stream.on('exit', (status: number | null) => {
        code = status;
      });
      stream.on('close', () => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        if (size > MOST_OUTPUT_BYTES)
          return reject(new Failure('limit', 'target-answer-too-large', 'The host answered with too much.'));
        if (code === 0) return resolve(Buffer.concat(parts).toString('utf8'));
        if (code === null) return reject(down('The host ended the command before it was done.'));
        reject(
          new Failure('unavailable', 'target-right-missing', 'The host does not run what Sallyport needs.', {
            hint: 'Log in as root, or let the account run /bin/sh by sudo without a password.',
            cause: new Error(`exit ${code}: ${errors}`),
          }),
        );
      });
      stream.end(script);
    });
  });
}

/** What a host says goes to people: one line each, printable, and not without end. */
function answerOf(text: string): Answer {
  const answer: Answer = text.split('\n').flatMap((line): Answer => {
    const found = /^=([a-z_]+) (.*)$/.exec(line);
    return found?.[1] === undefined ? [] : [[found[1], printable(found[2] ?? '')]];
  });
  const [failed] = valuesOf(answer, 'fail');
  if (failed === undefined) return answer;
  const at = failed.indexOf(' ');
  throw new Failure(
    failed.startsWith('target-conflict') || failed.startsWith('target-login-gone')
      ? 'conflict'
      : 'unavailable',
    failed.slice(0, at),
    failed.slice(at + 1),
  );
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000);

/** Resolves with `work`, unless the signal is quicker. */
function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(aborted());
  }
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(aborted());
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** The line in `authorized_keys` for who logs in with this secret. */
export function adminKeyLine(access: TargetAccess<TargetSettings>, secret = access.admin.password): string {
  return publicLine(keyPairOfSecret(secret).publicKey, `sallyport:${access.mark.installation}`);
}
