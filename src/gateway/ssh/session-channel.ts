// One session channel: a shell, a program or the copying of files, with or without a terminal. What is on a terminal
// is recorded whole; of a program without one the beginning is kept, and all of it counted and hashed (ADR 39).

import { createHash } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import type { ClientChannel, PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import type { RecordedProtocol } from '../../sessions/recording-format.ts';
import type { Entry, EntryResult } from './entries.ts';
import { Pump } from './pump.ts';
import type { ChannelContext, OpenChannel } from './relay.ts';
import { ScreenLine } from './screen-line.ts';
import { SftpFault, SftpWatch } from './sftp-watch.ts';
import { isAllowedVariable, refusalOfCommand, refusalOfShell, refusalOfSubsystem } from './terms.ts';

const MOST_VARIABLES = 32;
const LONGEST_COMMAND = 64 * 1024;
const MOST_KEPT_CHARACTERS = 1024 * 1024;
const MOST_COLUMNS = 1_000;
/** How long the host may take to answer Enter with a new line. */
const ECHO_MS = 2_000;
const LONGEST_TERMINAL_NAME = 50;
/** What a shell ends with when it could not begin. */
const NOT_RUN_STATUS = 255;
const NOTHING = Buffer.alloc(0);

/** Takes what the client asks of this channel; at most one program runs in it. `left`: it is gone. */
export function serveSession(ctx: ChannelContext, session: Session, left: () => void): void {
  let pty: PseudoTtyInfo | null = null;
  const env: Record<string, string> = {};
  let program: Program | null = null;
  let begun = false;
  // ssh2 never forgets a channel in which nothing began, so that one keeps its place.
  session.once('close', () => {
    if (begun) left();
  });
  const run = (
    accept: () => ServerChannel,
    wanted: { protocol: RecordedProtocol; text: string; refusal: string | null },
  ) => {
    // At once: a client that has no input ends it in the next packet, and then it is too late.
    const channel = accept();
    begun = true;
    const refusal = ctx.closing() ?? wanted.refusal;
    if (refusal === null) program = new Program(ctx, channel, wanted, { pty, env });
    else {
      ctx.entries.refuse(wanted.protocol, wanted.text, refusal);
      dismiss(channel, refusal);
    }
  };
  session.on('pty', (accept, reject, info) => {
    if (!/^[\w.+-]*$/.test(info.term) || info.term.length > LONGEST_TERMINAL_NAME) return reject?.();
    pty = { ...info, cols: Math.min(info.cols, MOST_COLUMNS), rows: Math.min(info.rows, MOST_COLUMNS) };
    accept?.();
  });
  session.on('env', (accept, reject, { key, val }) => {
    if (!isAllowedVariable(key, val) || Object.keys(env).length >= MOST_VARIABLES) return reject?.();
    env[key] = val;
    accept?.();
  });
  session.on('window-change', (accept, _reject, info) => {
    program?.resize(info.rows, info.cols, info.height, info.width);
    accept?.();
  });
  session.on('signal', (accept, _reject, { name }) => {
    program?.signal(name);
    accept?.();
  });
  session.on('auth-agent', (_accept, reject) => {
    ctx.entries.refuse('forward', 'agent', 'Agents are never forwarded.');
    reject?.();
  });
  session.on('x11', (_accept, reject) => {
    ctx.entries.refuse('forward', 'x11', 'X11 is never forwarded.');
    reject?.();
  });
  session.on('shell', (accept) =>
    run(accept, { protocol: 'shell', text: 'shell', refusal: refusalOfShell(ctx.host.allows) }),
  );
  session.on('exec', (accept, reject, { command }) => {
    if (command.length > LONGEST_COMMAND) return reject?.();
    run(accept, {
      ...{ protocol: 'exec', text: command },
      refusal: refusalOfCommand(ctx.host.allows, command),
    });
  });
  session.on('subsystem', (accept, reject, { name }) => {
    const refusal = ctx.closing() ?? refusalOfSubsystem(ctx.host.allows, name);
    if (refusal !== null) {
      ctx.entries.refuse('sftp', name.slice(0, LONGEST_TERMINAL_NAME), refusal);
      return reject?.();
    }
    run(accept, { protocol: 'sftp', text: 'sftp', refusal: null });
  });
}

/** Says why, and ends the channel as a program that failed. */
export function dismiss(channel: ServerChannel, why: string): void {
  channel.on('error', () => undefined);
  channel.resume();
  channel.stderr.write(`sallyport: ${why}\r\n`, () => {
    channel.exit(NOT_RUN_STATUS);
    channel.eof();
    channel.close();
  });
}

class Program implements OpenChannel {
  readonly streams: OpenChannel['streams'] = [];
  readonly #ctx: ChannelContext;
  readonly #channel: ServerChannel;
  readonly #entry: Entry;
  readonly #pty: PseudoTtyInfo | null;
  readonly #sftp: SftpWatch | null;
  readonly #decoder = new StringDecoder('utf8');
  readonly #hash = createHash('sha256');
  readonly #line = new ScreenLine();
  readonly #pumps: Pump[] = [];
  #stream: ClientChannel | null = null;
  #sizeSet: [number, number, number, number] | null = null;
  #bytes = 0;
  #kept = 0;
  #enteredAtMs = Number.NEGATIVE_INFINITY;
  #outputs = 2;
  #exit: number | string | undefined;
  #closed = false;
  #over = false;

  constructor(
    ctx: ChannelContext,
    channel: ServerChannel,
    wanted: { protocol: RecordedProtocol; text: string },
    how: { pty: PseudoTtyInfo | null; env: Record<string, string> },
  ) {
    this.#ctx = ctx;
    this.#channel = channel;
    this.#entry = ctx.entries.begin(wanted.protocol, wanted.text);
    this.#pty = how.pty;
    this.#sftp = wanted.protocol === 'sftp' ? new SftpWatch(ctx.entries) : null;
    channel.on('error', () => undefined);
    channel.pause();
    // Its other half is gone with it.
    channel.on('close', () => this.#finish({}));
    ctx.opened(this);
    if (how.pty !== null) this.#record('r', `${how.pty.cols}x${how.pty.rows}`);
    const begun = (error: Error | undefined, stream: ClientChannel) => {
      if (error !== undefined) {
        dismiss(channel, 'The host did not begin it.');
        this.#finish({ error: `The host did not begin it: ${error.message}` });
      } else if (this.#over) stream.close();
      else this.#join(stream);
    };
    try {
      const { client } = ctx.upstream;
      if (wanted.protocol === 'sftp') client.subsys('sftp', begun);
      else if (wanted.protocol === 'shell') client.shell(how.pty ?? false, { env: how.env }, begun);
      else client.exec(wanted.text, { env: how.env, ...(how.pty === null ? {} : { pty: how.pty }) }, begun);
    } catch (error) {
      this.#finish({ error: error instanceof Error ? error.message : 'The host is gone.' });
    }
  }

  get running(): boolean {
    return this.#sftp === null ? this.#entry.protocol === 'exec' : this.#sftp.moving;
  }

  #join(stream: ClientChannel): void {
    this.#stream = stream;
    const channel = this.#channel;
    const { client, upstream } = this.#ctx;
    this.streams.push(channel, stream, stream.stderr);
    stream.on('exit', (code: number | null, signal?: string) => {
      this.#exit = code ?? signal?.replace(/^SIG/, '');
    });
    const flushed = () => {
      this.#outputs--;
      this.#leave();
    };
    this.#pumps.push(
      new Pump({
        ...{ from: channel, to: stream, socket: upstream.socket },
        take: (chunk) => this.#fromClient(chunk),
        ended: () => stream.eof(),
      }),
      new Pump({
        ...{ from: stream, to: channel, socket: client, ended: flushed },
        take: (chunk) => this.#fromHost(chunk),
      }),
      new Pump({
        ...{ from: stream.stderr, to: channel.stderr, socket: client, ended: flushed },
        take: (chunk) => this.#output(chunk),
      }),
    );
    stream.on('close', () => {
      this.#closed = true;
      this.#leave();
    });
    if (this.#sizeSet !== null) stream.setWindow(...this.#sizeSet);
    if (this.#ctx.held()) this.hold(true);
  }

  #fromClient(chunk: Buffer): void {
    if (this.#over) return;
    this.#ctx.wrote(chunk.length);
    if (this.#sftp !== null) this.#watched(() => this.#sftp?.fromClient(chunk));
    else if (this.#pty !== null && (chunk.includes(0x0d) || chunk.includes(0x0a)))
      this.#enteredAtMs = this.#ctx.entries.nowMs();
  }

  #fromHost(chunk: Buffer): void {
    // What is under way when it ends is not recorded any more: its entry has its end, and its hash is taken.
    if (this.#over) return;
    if (this.#sftp !== null) {
      this.#ctx.read(chunk.length);
      this.#watched(() => this.#sftp?.fromHost(chunk));
      return;
    }
    if (this.#pty === null) this.#hash.update(chunk);
    this.#output(chunk);
  }

  #watched(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof SftpFault)) throw error;
      this.#finish({ error: error.message });
    }
  }

  #output(chunk: Buffer): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    this.#ctx.read(chunk.length);
    if (this.#sftp !== null) return;
    const whole =
      this.#pty !== null || this.#entry.protocol === 'shell' || this.#ctx.host.record === 'required';
    if (!whole && this.#kept >= MOST_KEPT_CHARACTERS) return;
    const text = this.#decoder.write(chunk);
    if (text === '') return;
    this.#kept += text.length;
    if (this.#pty !== null) this.#line.take(text, () => this.#lineEnded());
    // Without a terminal nobody has added the carriage returns that a screen needs.
    this.#record('o', this.#pty === null ? text.replaceAll('\n', '\r\n') : text);
    if (!whole && this.#kept >= MOST_KEPT_CHARACTERS)
      this.#record('o', '\r\n[The rest of the output is counted and hashed, not kept.]\r\n');
  }

  /** A line that ends right after Enter is one that somebody typed, as the screen shows it. */
  #lineEnded(): void {
    const text = this.#line.text();
    const entered = this.#ctx.entries.nowMs() - this.#enteredAtMs < ECHO_MS;
    if (!entered || text === null || text === '') return;
    this.#enteredAtMs = Number.NEGATIVE_INFINITY;
    this.#record('m', text);
  }

  #record(kind: 'o' | 'r' | 'm', data: string): void {
    this.#ctx.recorder.terminal(this.#entry.index, this.#ctx.entries.nowMs(), kind, data);
  }

  resize(rows: number, cols: number, height: number, width: number): void {
    if (this.#pty === null || this.#over) return;
    this.#sizeSet = [Math.min(rows, MOST_COLUMNS), Math.min(cols, MOST_COLUMNS), height, width];
    this.#stream?.setWindow(...this.#sizeSet);
    this.#record('r', `${this.#sizeSet[1]}x${this.#sizeSet[0]}`);
  }

  signal(name: string): void {
    if (/^[A-Z0-9]{1,10}$/.test(name)) this.#stream?.signal(name);
  }

  hold(held: boolean): void {
    for (const pump of this.#pumps) pump.hold(held);
  }

  tell(said: string): void {
    if (this.#pty === null || this.#over) return;
    const text = `\r\n*** ${said}\r\n`;
    this.#record('o', text);
    this.#channel.write(text);
  }

  cut(said: string): void {
    if (this.#over) return;
    this.tell(said);
    if (this.#pty === null) this.#channel.stderr.write(`sallyport: ${said}\r\n`);
    this.#finish({ error: said });
  }

  /** When the host has closed it and everything is with the client: how it ended, and the end. */
  #leave(): void {
    if (!this.#closed || this.#outputs > 0 || this.#over) return;
    this.#finish({});
  }

  #finish(result: Pick<EntryResult, 'error'>): void {
    if (this.#over) return;
    this.#over = true;
    const { entries } = this.#ctx;
    this.#sftp?.close();
    const hashed = this.#pty === null && this.#sftp === null && this.#entry.protocol === 'exec';
    const { text, protocol } = this.#entry;
    entries.end(this.#entry, {
      ...{ bytes: this.#bytes, ...result },
      end: {
        ...(this.#exit === undefined ? {} : { exit: this.#exit }),
        ...(hashed ? { sha256: this.#hash.digest('hex') } : {}),
      },
      use: { verb: protocol, object: protocol === 'exec' ? (text.trim().split(/\s+/)[0] ?? '') : protocol },
    });
    this.#stream?.close();
    const channel = this.#channel;
    if (typeof this.#exit === 'number') channel.exit(this.#exit);
    else if (this.#exit !== undefined) channel.exit(this.#exit, false, '');
    // Behind what was written already, a last word included.
    channel.write(NOTHING, () => {
      channel.eof();
      channel.close();
    });
    this.#ctx.closed(this);
  }
}
