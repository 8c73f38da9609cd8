// SSH's own way of writing values (RFC 4251, section 5), as keys and certificates need it. Pure, and shared by the
// server, the connector of hosts and the command line.

/** A text or bytes with their length before them. */
export function sshString(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Reads such values one after the other. Every method throws a RangeError where the bytes end too early. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  string(): Buffer {
    const length = this.#bytes.readUInt32BE(this.#at);
    const end = this.#at + 4 + length;
    if (end > this.#bytes.length) throw new RangeError('An SSH string is longer than what holds it.');
    const value = this.#bytes.subarray(this.#at + 4, end);
    this.#at = end;
    return value;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }
}
