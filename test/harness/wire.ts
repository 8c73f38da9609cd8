// A client that speaks the PostgreSQL protocol byte by byte: for what no driver would ever send.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface WireMessage {
  type: string;
  body: Buffer;
}

export interface Wire {
  socket: Socket;
  send(...parts: Buffer[]): void;
  /** The next message. Errors: an Error when the connection ends first. */
  next(): Promise<WireMessage>;
  /** Everything up to and including the first message of one of these types. */
  until(types: string): Promise<WireMessage[]>;
  /** All that comes until the connection ends. */
  rest(): Promise<WireMessage[]>;
  closed: Promise<void>;
}

export async function openWire(port: number): Promise<Wire> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const messages: WireMessage[] = [];
  let held: Buffer = Buffer.alloc(0);
  let ended = false;
  let wake: () => void = () => undefined;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 5 && held.length >= 1 + held.readUInt32BE(1)) {
      const end = 1 + held.readUInt32BE(1);
      messages.push({ type: String.fromCharCode(held[0] ?? 0), body: held.subarray(5, end) });
      held = held.subarray(end);
    }
    wake();
  });
  const closed = new Promise<void>((resolve) =>
    socket.once('close', () => {
      ended = true;
      wake();
      resolve();
    }),
  );
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));

  async function next(): Promise<WireMessage> {
    for (;;) {
      const message = messages.shift();
      if (message !== undefined) return message;
      if (ended) throw new Error('the connection ended');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    socket,
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    next,
    async until(types) {
      const seen: WireMessage[] = [];
      for (;;) {
        const message = await next();
        seen.push(message);
        if (types.includes(message.type)) return seen;
      }
    },
    async rest() {
      const seen: WireMessage[] = [];
      try {
        for (;;) seen.push(await next());
      } catch {
        return seen;
      }
    },
    closed,
  };
}

export function startup(parameters: Record<string, string>, version = 0x30000): Buffer {
  const text = Object.entries(parameters)
    .flat()
    .map((part) => `${part}\0`)
    .join('');
  return withLength(Buffer.concat([int(version), Buffer.from(`${text}\0`)]));
}

export function msg(type: string, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  return Buffer.concat([Buffer.from(type), withLength(body)]);
}

export function int(value: number, bytes = 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function withLength(body: Buffer): Buffer {
  return Buffer.concat([int(body.length + 4), body]);
}

/** The fields of an error, by letter. */
export function fields(message: WireMessage | undefined): Record<string, string> {
  const parts = (message?.body.toString() ?? '').split('\0').filter((part) => part !== '');
  return Object.fromEntries(parts.map((part) => [part.charAt(0), part.slice(1)]));
}

/** Logs in by SCRAM and waits for ReadyForQuery; gives all messages after AuthenticationOk. */
export async function logInByWire(
  wire: Wire,
  login: string,
  secret: string,
  parameters: Record<string, string> = { database: 'orders' },
  version?: number,
): Promise<WireMessage[]> {
  wire.send(startup({ user: login, ...parameters }, version));
  const before = await wire.until('RE');
  if (before.at(-1)?.type === 'E') throw new Error(fields(before.at(-1)).M);
  const nonce = randomBytes(12).toString('base64');
  const bare = `n=,r=${nonce}`;
  const first = Buffer.from(`n,,${bare}`);
  wire.send(msg('p', 'SCRAM-SHA-256', int(first.length), first));
  const serverFirst = (await wire.next()).body.subarray(4).toString();
  const [, combined = '', salt = '', iterations = '1'] = /^r=(.*),s=(.*),i=(\d+)$/.exec(serverFirst) ?? [];
  const withoutProof = `c=biws,r=${combined}`;
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const salted = pbkdf2Sync(secret, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = createHmac('sha256', storedKey).update(authMessage).digest();
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
  wire.send(msg('p', Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)));
  const after = await wire.until('ZE');
  const failed = after.find((message) => message.type === 'E');
  if (failed !== undefined) throw Object.assign(new Error(fields(failed).M), { code: fields(failed).C });
  return [...before, ...after];
}
