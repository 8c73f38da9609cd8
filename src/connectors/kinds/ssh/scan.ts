// Which keys a host shows, before anybody trusts one: asked for type by type, without logging in.

import ssh2 from 'ssh2';
import { Failure } from '../../../base/errors.ts';
import type { Dial } from '../../contract.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ASK_TIMEOUT_MS = 5_000;
/** The best known first; a host that is not ancient has one of them. */
const TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'] as const;

/** `type base64`, one of each type that the host has. Errors: `target-down`, `no-host-key`. */
export async function scanHostKeys(
  dial: Dial,
  at: { host: string; port: number },
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  for (const type of TYPES) {
    signal.throwIfAborted();
    const key = await shown(dial, at, type);
    if (key !== null) keys.push(`${nameIn(key)} ${key.toString('base64')}`);
  }
  if (keys.length === 0)
    throw new Failure(
      'unavailable',
      'no-host-key',
      `What answers at ${at.host}:${at.port} shows no key of SSH.`,
      {
        hint: 'Is that the port of sshd?',
      },
    );
  return keys;
}

async function shown(
  dial: Dial,
  { host, port }: { host: string; port: number },
  type: (typeof TYPES)[number],
): Promise<Buffer | null> {
  const sock = await dial({ host, port, timeoutMs: CONNECT_TIMEOUT_MS });
  return new Promise((resolve) => {
    const client = new ssh2.Client();
    const end = (key: Buffer | null) => {
      resolve(key);
      client.end();
      sock.destroy();
    };
    client.on('error', () => end(null));
    client.once('close', () => end(null));
    client.connect({
      sock,
      username: 'sallyport',
      algorithms: { serverHostKey: [type] },
      hostVerifier: (key: Buffer) => {
        end(Buffer.from(key));
        return false;
      },
      readyTimeout: ASK_TIMEOUT_MS,
    });
  });
}

/** A key's own name for its type stands at its beginning. */
const nameIn = (key: Buffer) => key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
