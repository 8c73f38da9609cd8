// The gateway as the host's client: dialled by the ticket, logged in with its short certificate, and only where the
// host shows a key that was pinned when it was added. No other key is ever taken, and no question is asked.

import type { Socket } from 'node:net';
import ssh2, { type Client } from 'ssh2';
import { messageOf } from '../../base/errors.ts';
import type { HostTicket, SessionTicket } from '../../grants/session-ticket.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { CIPHERS, KEY_EXCHANGES, MACS } from './algorithms.ts';
import { certificateAgent } from './certificate-login.ts';

export interface HostConnection {
  client: Client;
  socket: Socket;
}

const READY_TIMEOUT_MS = 15_000;
const KEEPALIVE_MS = 15_000;
const MOST_UNANSWERED = 3;

/** Errors: ProtocolError `target`, which says what is wrong and names no secret. */
export async function connectHost(
  ticket: SessionTicket,
  host: HostTicket,
  signal: AbortSignal,
): Promise<HostConnection> {
  const socket = await ticket.upstream.dial().catch((error: unknown) => {
    throw failed(ticket, 'cannot be reached', error);
  });
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  if (signal.aborted) {
    socket.destroy();
    throw new ProtocolError('closed', 'The client left.');
  }
  const client = new ssh2.Client();
  let changed = false;
  const aborted = () => socket.destroy();
  signal.addEventListener('abort', aborted, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.on('error', reject);
      client.once('close', () => reject(new Error('It closed the connection.')));
      client.connect({
        sock: socket,
        username: host.user,
        agent: certificateAgent(client, host),
        authHandler: ['agent'],
        agentForward: false,
        readyTimeout: READY_TIMEOUT_MS,
        keepaliveInterval: KEEPALIVE_MS,
        keepaliveCountMax: MOST_UNANSWERED,
        algorithms: {
          ...{ kex: KEY_EXCHANGES, cipher: CIPHERS, hmac: MACS },
          serverHostKey: hostKeyAlgorithms(host.hostKeys),
        },
        hostVerifier: (key: Buffer) => {
          changed = !isPinned(key, host.hostKeys);
          return !changed;
        },
      });
    });
    return { client, socket };
  } catch (error) {
    client.destroy();
    socket.destroy();
    if (signal.aborted) throw new ProtocolError('closed', 'The client left.', error);
    if (changed)
      throw failed(ticket, 'shows another host key than the one it was added with: nobody is let in', error);
    const refused = /authentication methods failed/.test(messageOf(error));
    throw failed(ticket, refused ? 'did not accept this login' : 'cannot be reached', error);
  } finally {
    signal.removeEventListener('abort', aborted);
  }
}

function failed(ticket: SessionTicket, what: string, cause: unknown): ProtocolError {
  return new ProtocolError('target', `The target "${ticket.target}" ${what}.`, cause);
}

/** `key` is the blob; pinned ones are `type base64`. */
function isPinned(key: Buffer, pinned: readonly string[]): boolean {
  const shown = key.toString('base64');
  return pinned.some((line) => line.trim().split(/\s+/)[1] === shown);
}

/** Only those of which a key is pinned, so that the host shows that one and not another that it has too. */
function hostKeyAlgorithms(pinned: readonly string[]): ssh2.ServerHostKeyAlgorithm[] {
  const types = new Set(pinned.map((line) => line.trim().split(/\s+/)[0]));
  return HOST_KEY_ALGORITHMS.filter((name) => types.has(name.startsWith('rsa-sha2-') ? 'ssh-rsa' : name));
}

const HOST_KEY_ALGORITHMS: ssh2.ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];
