// Understands the SFTP that passes (version 3, draft-ietf-secsh-filexfer-02) without touching it: which files went which
// way, how large, with which hash, what was removed or renamed. What cannot be followed is not let on.

import { createHash, type Hash } from 'node:crypto';
import type { Entries, Entry } from './entries.ts';

/** What was sent is not SFTP, or too much to follow: the channel has to end. */
export class SftpFault extends Error {}

/** OpenSSH's own largest is 256 KiB. */
const LARGEST_PACKET_BYTES = 1024 * 1024;
const MOST_UNANSWERED = 4_096;
const MOST_OPEN_FILES = 1_024;
/** Parts that came before their turn, of one file. */
const MOST_EARLY_BYTES = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

const ASKS = {
  ...{ init: 1, open: 3, close: 4, read: 5, write: 6, setstat: 9, fsetstat: 10, opendir: 11, remove: 13 },
  ...{ mkdir: 14, rmdir: 15, rename: 18, symlink: 20, extended: 200 },
} as const;
const ANSWERS = { status: 101, handle: 102, data: 103 } as const;
/** WRITE, APPEND, CREAT and TRUNC: a file can be emptied without being opened for writing. */
const OPEN_CHANGES = 0x02 | 0x04 | 0x08 | 0x10;

/** An open file, or a directory, or something that is done at once. */
interface Moving {
  entry: Entry;
  path: string;
  put: boolean;
  moved: Moved;
  /** Its end was asked for: its handle may be another file's next. */
  closing: boolean;
}

type Pending =
  | { kind: 'open'; file: Moving }
  | { kind: 'read'; handle: string; offset: number }
  | { kind: 'write'; file: Moving }
  | { kind: 'close'; handle: string }
  | { kind: 'act'; entry: Entry; use: { verb: string; object: string } }
  | { kind: 'other' };

export class SftpWatch {
  readonly #entries: Entries;
  readonly #asked = new Frames((type, body) => this.#ask(type, body));
  readonly #answered = new Frames((type, body) => this.#answer(type, body));
  readonly #pending = new Map<number, Pending>();
  readonly #files = new Map<string, Moving>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** True while a file is open. */
  get moving(): boolean {
    return this.#files.size > 0;
  }

  /** Errors: SftpFault. */
  fromClient(chunk: Buffer): void {
    this.#asked.take(chunk);
  }

  /** Errors: SftpFault. */
  fromHost(chunk: Buffer): void {
    this.#answered.take(chunk);
  }

  /** The channel is gone: what is open ends here, unfinished. */
  close(): void {
    for (const one of this.#pending.values())
      if (one.kind === 'act') this.#entries.end(one.entry, { error: 'It was not answered.' });
      else if (one.kind === 'open') this.#entries.end(one.file.entry, { error: 'It was not answered.' });
    for (const file of this.#files.values()) this.#finish(file, 'It was not closed: it may not be whole.');
    this.#files.clear();
    this.#pending.clear();
  }

  #ask(type: number, body: Fields): void {
    if (type === ASKS.init) return;
    const id = body.number();
    if (this.#pending.size >= MOST_UNANSWERED)
      throw new SftpFault('Too much was asked ahead of its answers.');
    // The answer to one would be taken for that to the other.
    if (this.#pending.has(id)) throw new SftpFault('Two questions have the same number.');
    this.#pending.set(id, this.#asks(type, body));
  }

  #asks(type: number, body: Fields): Pending {
    switch (type) {
      case ASKS.open: {
        if (this.#files.size >= MOST_OPEN_FILES) throw new SftpFault('Too many files are open.');
        const path = body.text();
        const put = (body.number() & OPEN_CHANGES) !== 0;
        const entry = this.#entries.begin('sftp', `${put ? 'put' : 'get'} ${path}`);
        return { kind: 'open', file: { entry, path, put, moved: new Moved(), closing: false } };
      }
      case ASKS.read:
        return { kind: 'read', handle: body.bytes().toString('latin1'), offset: body.large() };
      case ASKS.write: {
        const file = this.#files.get(body.bytes().toString('latin1'));
        // Guessed, or of the file before: what it would write into is known only when the host has answered.
        if (file === undefined || file.closing)
          throw new SftpFault('A file was written to that is not open.');
        const offset = body.large();
        file.moved.part(offset, body.bytes());
        return { kind: 'write', file };
      }
      case ASKS.close: {
        const handle = body.bytes().toString('latin1');
        const file = this.#files.get(handle);
        if (file !== undefined) file.closing = true;
        return { kind: 'close', handle };
      }
      case ASKS.opendir:
        return this.#act('list', body.text());
      case ASKS.remove:
        return this.#act('remove', body.text());
      case ASKS.mkdir:
        return this.#act('mkdir', body.text());
      case ASKS.rmdir:
        return this.#act('rmdir', body.text());
      case ASKS.setstat:
        return this.#act('setstat', body.text());
      case ASKS.fsetstat:
        return this.#act('setstat', this.#files.get(body.bytes().toString('latin1'))?.path ?? '?');
      case ASKS.rename:
        return this.#act('rename', body.text(), body.text());
      case ASKS.symlink:
        return this.#act('symlink', body.text(), body.text());
      case ASKS.extended:
        return this.#extended(body);
      default:
        return { kind: 'other' };
    }
  }

  #extended(body: Fields): Pending {
    const name = body.text();
    if (name === 'posix-rename@openssh.com') return this.#act('rename', body.text(), body.text());
    if (name === 'lsetstat@openssh.com') return this.#act('setstat', body.text());
    if (name === 'hardlink@openssh.com') return this.#act('hardlink', body.text(), body.text());
    // A copy on the host itself, between two open files.
    if (name === 'copy-data')
      return this.#act(name, this.#files.get(body.bytes().toString('latin1'))?.path ?? '?');
    return { kind: 'other' };
  }

  #act(verb: string, path: string, to?: string): Pending {
    const entry = this.#entries.begin(
      'sftp',
      to === undefined ? `${verb} ${path}` : `${verb} ${path} -> ${to}`,
    );
    return { kind: 'act', entry, use: { verb, object: path } };
  }

  #answer(type: number, body: Fields): void {
    if (type <= ASKS.extended && type < ANSWERS.status) return;
    const id = body.number();
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const failed = type === ANSWERS.status && body.number() !== 0 ? 'The host refused it.' : undefined;
    switch (pending.kind) {
      case 'open':
        if (type === ANSWERS.handle) this.#files.set(body.bytes().toString('latin1'), pending.file);
        else this.#entries.end(pending.file.entry, { error: 'The host did not open it.' });
        return;
      case 'read':
        if (type === ANSWERS.data) this.#files.get(pending.handle)?.moved.part(pending.offset, body.bytes());
        return;
      case 'write':
        if (failed !== undefined) pending.file.moved.failed = true;
        return;
      case 'close': {
        const file = this.#files.get(pending.handle);
        this.#files.delete(pending.handle);
        if (file !== undefined) this.#finish(file, failed);
        return;
      }
      case 'act':
        this.#entries.end(pending.entry, {
          use: pending.use,
          ...(failed === undefined ? {} : { error: failed }),
        });
    }
  }

  #finish({ entry, path, put, moved }: Moving, trouble: string | undefined): void {
    const sha256 = moved.sha256();
    const error = trouble ?? (moved.failed ? 'The host refused a part of it.' : undefined);
    this.#entries.end(entry, {
      bytes: moved.bytes,
      ...(sha256 === null ? {} : { end: { sha256 } }),
      ...(error === undefined ? {} : { error }),
      use: { verb: put ? 'put' : 'get', object: path },
    });
  }
}

/** The bytes of one file, put in their order; a file that is not moved from its start to its end has no hash. */
class Moved {
  bytes = 0;
  failed = false;
  readonly #hash: Hash = createHash('sha256');
  readonly #early = new Map<number, Buffer>();
  #earlyBytes = 0;
  #next = 0;
  #ordered = true;

  part(offset: number, data: Buffer): void {
    this.bytes += data.length;
    if (!this.#ordered || data.length === 0) return;
    if (offset !== this.#next) {
      this.#earlyBytes += data.length;
      this.#ordered = offset > this.#next && this.#earlyBytes <= MOST_EARLY_BYTES;
      if (this.#ordered) this.#early.set(offset, Buffer.from(data));
      else this.#early.clear();
      return;
    }
    this.#add(data);
    for (let next = this.#early.get(this.#next); next !== undefined; next = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#earlyBytes -= next.length;
      this.#add(next);
    }
  }

  #add(data: Buffer): void {
    this.#hash.update(data);
    this.#next += data.length;
  }

  sha256(): string | null {
    return this.#ordered && this.#early.size === 0 ? this.#hash.copy().digest('hex') : null;
  }
}

/** Cuts a stream into packets. What is whole in a chunk is read where it lies. */
class Frames {
  readonly #each: (type: number, body: Fields) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #wanted = 5;

  constructor(each: (type: number, body: Fields) => void) {
    this.#each = each;
  }

  take(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#wanted) return;
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    let at = 0;
    this.#wanted = 5;
    while (bytes.length - at >= 5) {
      const length = bytes.readUInt32BE(at);
      if (length < 1 || length > LARGEST_PACKET_BYTES)
        throw new SftpFault('A packet has an impossible length.');
      if (bytes.length - at < 4 + length) {
        this.#wanted = 4 + length;
        break;
      }
      this.#each(bytes.readUInt8(at + 4), new Fields(bytes.subarray(at + 5, at + 4 + length)));
      at += 4 + length;
    }
    const rest = at < bytes.length ? bytes.subarray(at) : NOTHING;
    this.#held = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
  }
}

/** A packet's fields one after the other. Errors: SftpFault where they end too early. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    return this.#part(4).readUInt32BE(0);
  }

  /** Of 64 bits; a file is never larger than what a number holds exactly. */
  large(): number {
    return Number(this.#part(8).readBigUInt64BE(0));
  }

  bytes(): Buffer {
    return this.#part(this.number());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  #part(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new SftpFault('A packet ends too early.');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
