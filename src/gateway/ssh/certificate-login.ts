// Logging in to a host with a certificate, which ssh2 does not know how to do: it takes a certificate from an agent and
// asks it to sign, but then names the certificate's type as the type of the signature, where OpenSSH wants that of the
// plain key. So the agent here answers with as many bytes as make the packet just as long as it has to be, and the one
// packet that carries them gets its last field written right before it is encrypted.

import ssh2, { type BaseAgent, type Client, type ParsedKey } from 'ssh2';
import type { HostTicket } from '../../grants/session-ticket.ts';
import { sshString } from '../../ssh/wire.ts';

/** Reaches into the client, which has to be connected when it signs. Errors: what is not a key or a certificate. */
export function certificateAgent(
  client: Client,
  host: Pick<HostTicket, 'privateKey' | 'certificate'>,
): BaseAgent {
  const key = parsed(host.privateKey.reveal());
  const [type = '', blob = ''] = host.certificate.split(' ');
  const shown = parsed(`${key.type} ${key.getPublicSSH().toString('base64')}`);
  Object.assign(shown, { type, getPublicSSH: () => Buffer.from(blob, 'base64') });
  return new CertificateAgent(client, key, shown);
}

class CertificateAgent extends ssh2.BaseAgent {
  readonly #client: Client;
  readonly #key: ParsedKey;
  readonly #shown: ParsedKey;

  constructor(client: Client, key: ParsedKey, shown: ParsedKey) {
    super();
    this.#client = client;
    this.#key = key;
    this.#shown = shown;
  }

  override getIdentities(callback: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    callback(null, [this.#shown]);
  }

  override sign(
    _key: unknown,
    data: Buffer,
    options: unknown,
    callback?: (error?: Error | null, signature?: Buffer) => void,
  ): void {
    const done = callback ?? options;
    if (typeof done !== 'function') return;
    const signature = this.#key.sign(data);
    if (signature instanceof Error) {
      done(signature);
      return;
    }
    const field = Buffer.concat([sshString(this.#key.type), sshString(signature)]);
    endNextPacketWith(this.#client, field);
    // Type, its length and the signature's length are written before it.
    done(null, Buffer.alloc(field.length - 8 - this.#shown.type.length));
  }
}

/** The payload of the next packet that this client sends ends with these bytes. */
function endNextPacketWith(client: Client, field: Buffer): void {
  const writer = member(member(member(client, '_protocol'), '_packetRW'), 'write');
  const finalize = Reflect.get(writer, 'finalize');
  if (typeof finalize !== 'function') throw new Error('ssh2 writes its packets in another way now.');
  Reflect.set(writer, 'finalize', (packet: Buffer, ...more: unknown[]) => {
    Reflect.deleteProperty(writer, 'finalize');
    // Its length (4), the padding's length (1), the payload, the padding.
    const end = 4 + packet.readUInt32BE(0) - packet.readUInt8(4);
    field.copy(packet, end - field.length);
    return Reflect.apply(finalize, writer, [packet, ...more]);
  });
}

function member(of: object, name: string): object {
  const value: unknown = Reflect.get(of, name);
  if (typeof value === 'object' && value !== null) return value;
  throw new Error(`ssh2 has no ${name} any more.`);
}

function parsed(text: string): ParsedKey {
  const result = ssh2.utils.parseKey(text);
  const key = Array.isArray(result) ? result[0] : result;
  if (key === undefined || key instanceof Error) throw new Error('This is not a key.', { cause: key });
  return key;
}
