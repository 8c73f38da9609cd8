// One running connection to a host: its channels, each opened there as it is asked for here, and the ways in which all
// of them end. Also here, the cut: the connection to the host is reset first, so that nothing more is done there, and
// then everyone who looks at a screen is told why.

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Connection, ServerChannel, TcpipRequestInfo } from 'ssh2';
import type { HostTicket } from '../../grants/session-ticket.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import type { Recorder } from '../../sessions/recorder.ts';
import { Entries } from './entries.ts';
import { ForwardedConnection } from './forwarded-connection.ts';
import { serveSession } from './session-channel.ts';
import { refusalOfForward } from './terms.ts';
import type { HostConnection } from './upstream.ts';

/** A channel that runs, for the connection that it belongs to. */
export interface OpenChannel {
  /** What has come and was not taken yet lies here. */
  readonly streams: Readable[];
  /** It does something that a soft landing waits for. */
  readonly running: boolean;
  hold(held: boolean): void;
  tell(said: string): void;
  cut(said: string): void;
}

/** What a channel needs of its connection. */
export interface ChannelContext {
  host: HostTicket;
  upstream: HostConnection;
  /** The client's socket. */
  client: Socket;
  recorder: Recorder;
  entries: Entries;
  /** Why nothing new may begin; null: it may. */
  closing(): string | null;
  /** Nothing is to be read just now. */
  held(): boolean;
  read(bytes: number): void;
  wrote(bytes: number): void;
  opened(channel: OpenChannel): void;
  closed(channel: OpenChannel): void;
}

export interface HostRelayInput {
  session: LiveSession;
  host: HostTicket;
  connection: Connection;
  client: Socket;
  upstream: HostConnection;
  /** Once; the session is over, for whatever reason. */
  whenOver(reason: string): void;
}

const MOST_CHANNELS = 50;
/** More than a window: only who ignores windows gets there. */
const MOST_UNREAD_BYTES = 8 * 1024 * 1024;
/** How long a client has to take its last message. */
const FAREWELL_MS = 300;
const MOST_LISTENERS = MOST_CHANNELS * 4;

/** Starts at once: call it before the client is told that it is in. */
export function startHostRelay(input: HostRelayInput): void {
  new HostRelay(input).start();
}

class HostRelay {
  readonly #input: HostRelayInput;
  readonly #entries: Entries;
  readonly #channels = new Set<OpenChannel>();
  readonly #context: ChannelContext;
  /** Session channels, whether anything runs in them, and connections that are being forwarded or are to be. */
  #taken = 0;
  #held = false;
  #over = false;
  #landed: (() => void) | null = null;

  constructor(input: HostRelayInput) {
    this.#input = input;
    this.#entries = new Entries(input.session);
    const { host, upstream, client, session } = input;
    const { totals } = session.recorder;
    this.#context = {
      ...{ host, upstream, client, recorder: session.recorder, entries: this.#entries },
      closing: () => this.#closing(),
      held: () => this.#held,
      read: (bytes) => {
        totals.bytesRead += bytes;
        this.#spend(bytes);
      },
      wrote: (bytes) => {
        totals.bytesWritten += bytes;
      },
      opened: (channel) => void this.#channels.add(channel),
      closed: (channel) => this.#closed(channel),
    };
  }

  start(): void {
    const { connection, client, upstream, session } = this.#input;
    connection.on('session', (accept, reject) => {
      if (this.#over || this.#taken >= MOST_CHANNELS) return void reject();
      this.#taken++;
      serveSession(this.#context, accept(), () => this.#taken--);
    });
    connection.on('tcpip', (accept, reject, info) => this.#forward(accept, reject, info));
    connection.on('request', (_accept, reject, name) => {
      this.#entries.refuse('forward', name, 'Nothing is forwarded from the host.');
      reject?.();
    });
    connection.on('close', () => this.#finish('the client left'));
    upstream.client.on('close', () => this.#finish('the target closed the connection'));
    upstream.client.on('error', () => undefined);
    // The host asks for a channel to here: never.
    upstream.client.on('tcp connection', (_details, _accept, reject) => reject());
    upstream.client.on('x11', (_details, _accept, reject) => reject());
    for (const socket of [client, upstream.socket]) {
      socket.setMaxListeners(MOST_LISTENERS);
      socket.on('data', () => this.#look());
    }
    session.attach({
      cut: (said, reason) => this.#cut(said, reason),
      warn: (said) => {
        for (const channel of this.#channels) channel.tell(said);
        return true;
      },
      pause: (waiting) => this.#hold(waiting),
      land: (landed) => this.#land(landed),
      running: () => this.#entries.running(),
    });
    // What closed before anybody listened gives no event any more.
    if (client.destroyed) this.#finish('the client left');
    else if (upstream.socket.destroyed) this.#finish('the target closed the connection');
  }

  #forward(
    accept: () => ServerChannel,
    reject: () => void,
    { srcIP, srcPort, destIP, destPort }: TcpipRequestInfo,
  ): void {
    const text = `${destIP}:${destPort}`.slice(0, 300);
    const refusal =
      this.#taken >= MOST_CHANNELS
        ? 'Too many channels are open.'
        : (this.#closing() ?? refusalOfForward(this.#input.host.allows, destIP, destPort));
    if (refusal !== null) {
      this.#entries.refuse('forward', text, refusal);
      reject();
      return;
    }
    const entry = this.#entries.begin('forward', text);
    this.#taken++;
    this.#input.upstream.client.forwardOut(srcIP, srcPort, destIP, destPort, (error, stream) => {
      if (error === undefined && !this.#over) {
        new ForwardedConnection(this.#context, { channel: accept(), stream, entry });
        return;
      }
      this.#taken--;
      this.#entries.end(entry, {
        error: `The host did not connect: ${error?.message ?? 'the session is over'}`,
      });
      reject();
    });
  }

  /** To one packet of the host's: what was read when the budget ran out is read. */
  #spend(bytes: number): void {
    const { budget, ticket } = this.#input.session;
    if (budget === null) return;
    budget.spend(0, bytes);
    if (!budget.over) return;
    const more = `sally request ${ticket.target} --task ${ticket.task}`;
    this.#cut(
      `Sallyport cut this off: the grant may read ${budget.words}, and has. Ask for another, and say why it takes more: ${more}`,
      'the budget is used up',
    );
  }

  #closing(): string | null {
    if (this.#over) return 'The session is over.';
    return this.#landed === null ? null : 'Your access is over: what runs may finish, nothing new begins.';
  }

  #closed(channel: OpenChannel): void {
    this.#channels.delete(channel);
    if (channel instanceof ForwardedConnection) this.#taken--;
    if (this.#landed !== null && !this.#running()) this.#landed();
  }

  #running(): boolean {
    return [...this.#channels].some((channel) => channel.running);
  }

  #land(landed: () => void): boolean {
    this.#landed = landed;
    return this.#running();
  }

  #hold(held: boolean): void {
    this.#held = held;
    for (const channel of this.#channels) channel.hold(held);
  }

  /** A peer that sends more than it was allowed to is not waited for. */
  #look(): void {
    const over = [...this.#channels].some(({ streams }) =>
      streams.some((stream) => stream.readableLength > MOST_UNREAD_BYTES),
    );
    if (over) this.#cut('More was sent than was asked for.', 'protocol: a window was ignored');
  }

  #cut(said: string, reason: string): void {
    if (this.#over) return;
    const { upstream } = this.#input;
    upstream.socket.resetAndDestroy();
    for (const channel of this.#channels) channel.cut(said);
    this.#finish(reason);
  }

  #finish(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const { connection, client, upstream, whenOver } = this.#input;
    for (const channel of this.#channels) channel.cut('The connection ended.');
    upstream.client.end();
    upstream.socket.destroySoon();
    // OpenSSH shows nothing any more of what comes right before a disconnect, so its channels are closed a little earlier.
    if (!client.destroyed) setTimeout(() => leave(connection, client), FAREWELL_MS).unref();
    whenOver(reason);
  }
}

function leave(connection: Connection, client: Socket): void {
  connection.end();
  client.destroySoon();
}
