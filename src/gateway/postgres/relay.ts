// One running session: two pumps that do not wait for each other. Each pauses only its own source, when its own sink
// is full; reading from the client also waits for the recording and for a pipeline that is too deep. Also here, the
// cut: the TCP connection to the target is reset (what the kernel still holds is not sent, and the backend's next
// answer fails, so nothing that was pipelined behind the running statement begins), the running statement is
// cancelled, and the client gets one last error and the end.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import { fastSocket } from '../fast-socket.ts';
import { ClientSide } from './client-side.ts';
import { errorResponse, FROM_CLIENT, message, noticeResponse } from './frames.ts';
import type { Guard } from './guard/guard.ts';
import { maskedTerms, termsOf } from './guard/terms.ts';
import { Ledger, LedgerFault, MOST_PENDING } from './ledger.ts';
import { RowMask, RowMaskFault } from './mask/row-mask.ts';
import { sessionMask } from './mask/session-mask.ts';
import { ServerFault, ServerSide } from './server-side.ts';
import { createStandIns } from './stand-in.ts';
import { isSafeEncoding } from './startup-parameters.ts';
import { cancelUpstream, type Upstream } from './upstream.ts';

export interface RelayContext {
  log: Logger;
  session: LiveSession;
  guard: Guard;
  client: Duplex;
  upstream: Upstream;
  /** What the client sent after its login, before we listened. */
  early: Buffer;
  /** The client's socket is another object from now on (fast-socket.ts). */
  replaced(client: Duplex): void;
  /** The session is over, for whatever reason. */
  whenOver(reason: string): void;
}

const CANCEL_TIMEOUT_MS = 2_000;
/** How long a client has to take its last message. */
const FAREWELL_MS = 300;
/** How long the target has to close after Terminate. */
const LEAVE_MS = 2_000;

const PAUSED_BY_TARGET = 1;
const PAUSED_BY_RECORDING = 2;
const PAUSED_BY_DEPTH = 4;
const PAUSED_BY_GUARD = 8;
const NOTHING = Buffer.alloc(0);

/** Starts at once. Ends by itself; `session.attach` gives the ways to end it from outside. */
export function startRelay(ctx: RelayContext): void {
  new Relay(ctx).start();
}

class Relay {
  readonly #ctx: RelayContext;
  readonly #client: Duplex;
  readonly #target: Duplex;
  /** The TCP socket below, which alone can be reset. */
  readonly #targetSocket: Socket;
  readonly #early: { client: Buffer; target: Buffer };
  readonly #ledger: Ledger;
  readonly #clientSide: ClientSide;
  readonly #serverSide: ServerSide;
  #paused = 0;
  #over = false;
  #left = false;

  constructor(ctx: RelayContext) {
    this.#ctx = ctx;
    const client = fastSocket(ctx.client, (chunk) => this.#fromClient(chunk));
    const target = fastSocket(ctx.upstream.stream, (chunk) => this.#fromTarget(chunk));
    this.#client = client.stream;
    this.#target = target.stream;
    this.#targetSocket =
      target.stream instanceof Socket && !(target.stream instanceof TLSSocket)
        ? target.stream
        : ctx.upstream.socket;
    this.#early = {
      client: Buffer.concat([ctx.early, client.early]),
      target: Buffer.concat([ctx.upstream.early, target.early]),
    };
    ctx.replaced(this.#client);
    this.#ledger = new Ledger(ctx.session.recorder, ctx.session.startedAt);
    const standIns = createStandIns();
    const terms = termsOf(ctx.session.ticket.guard, ctx.session.ticket.task);
    const mask = ctx.session.ticket.mask === null ? null : sessionMask(ctx.session.ticket.mask);
    this.#clientSide = new ClientSide({
      ledger: this.#ledger,
      standIns,
      guard: ctx.guard,
      terms: mask === null ? terms : maskedTerms(terms, mask.relations),
      masked: mask !== null,
      send: (bytes) => {
        if (!target.write(bytes)) this.#pause(PAUSED_BY_TARGET);
      },
      hold: (waiting) => this.#hold(waiting),
      leave: () => this.#leave(),
      fault: (what) => this.#cut('08P01', `${what} The session ends here.`, `protocol: ${what}`),
    });
    this.#serverSide = new ServerSide({
      ledger: this.#ledger,
      standIns,
      mask: mask === null ? null : new RowMask(mask),
      send: (bytes) => {
        if (!client.write(bytes)) this.#target.pause();
      },
      setting: (name, value) => this.#setting(name, value),
    });
  }

  start(): void {
    const { session } = this.#ctx;
    this.#client
      .on('drain', () => this.#over || this.#target.resume())
      .on('end', () => this.#finish('the client left'))
      .on('close', () => this.#finish('the client left'));
    this.#target
      .on('drain', () => this.#resume(PAUSED_BY_TARGET))
      .on('end', () => this.#finish('the target closed the connection'))
      .on('close', () => this.#finish('the target closed the connection'));
    session.attach({
      cut: (said, reason) => this.#cut('57P01', said, reason),
      warn: (said) => this.#warn(said),
      pause: (waiting) => (waiting ? this.#pause(PAUSED_BY_RECORDING) : this.#resume(PAUSED_BY_RECORDING)),
      running: () => this.#ledger.running(),
    });
    // Only now: a session that was cut while its target answered sends nothing any more.
    if (this.#early.target.length > 0) this.#fromTarget(this.#early.target);
    if (this.#early.client.length > 0) this.#fromClient(this.#early.client);
    // What closed before anybody listened gives no event any more.
    if (this.#client.destroyed) this.#finish('the client left');
    if (this.#target.destroyed) this.#finish('the target closed the connection');
    if (this.#over) return;
    this.#client.resume();
    this.#target.resume();
  }

  #fromClient(chunk: Buffer): void {
    if (this.#over || this.#left) return;
    this.#ctx.session.recorder.totals.bytesWritten += chunk.length;
    this.#clientSide.take(chunk);
    if (this.#ledger.pending > MOST_PENDING) this.#pause(PAUSED_BY_DEPTH);
    if (this.#ledger.overfull)
      this.#cut(
        '53400',
        'Too much was sent ahead of its answers. The session ends here.',
        'sent too far ahead',
      );
  }

  #fromTarget(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#serverSide.take(chunk);
    } catch (error) {
      if (!(error instanceof LedgerFault || error instanceof ServerFault || error instanceof RowMaskFault))
        throw error;
      this.#ctx.log.error(
        { session: this.#ctx.session.ticket.sessionId, reason: error.message },
        'the target broke the protocol',
      );
      this.#cut('08P01', `${error.message} The session ends here.`, `protocol: ${error.message}`);
      return;
    }
    if ((this.#paused & PAUSED_BY_DEPTH) !== 0 && this.#ledger.pending < MOST_PENDING / 2)
      this.#resume(PAUSED_BY_DEPTH);
  }

  #pause(why: number): void {
    this.#paused |= why;
    this.#client.pause();
  }

  #resume(why: number): void {
    this.#paused &= ~why;
    if (this.#paused === 0 && !this.#over) this.#client.resume();
  }

  /** What came meanwhile goes on first, then the client is read again. */
  #hold(waiting: boolean): void {
    if (waiting) this.#pause(PAUSED_BY_GUARD);
    else if (!this.#over) {
      this.#paused &= ~PAUSED_BY_GUARD;
      this.#clientSide.take(NOTHING);
      this.#resume(0);
    }
  }

  /** The guard reads statements as this encoding allows; one that it cannot read ends the session. */
  #setting(name: string, value: string): void {
    if (name === 'client_encoding' && !isSafeEncoding(value)) {
      throw new ServerFault(`The client encoding ${value} is not one that statements can be read in.`);
    }
  }

  #warn(said: string): boolean {
    if (this.#over || !this.#serverSide.betweenMessages) return false;
    this.#client.write(noticeResponse({ severity: 'WARNING', sqlstate: '01000', text: said }));
    return true;
  }

  /** Terminate came: the target gets it after all that was sent before, and closes by itself. */
  #leave(): void {
    this.#left = true;
    this.#target.end(message(FROM_CLIENT.terminate));
    setTimeout(() => this.#targetSocket.destroy(), LEAVE_MS).unref();
  }

  /** The target first: nothing more may begin there. */
  #cut(sqlstate: string, said: string, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const { session, upstream, log } = this.#ctx;
    reset(this.#targetSocket);
    this.#target.destroy();
    if (upstream.cancelKey !== null) {
      cancelUpstream(session.ticket, upstream.cancelKey, CANCEL_TIMEOUT_MS).catch((error: unknown) => {
        log.warn(
          { session: session.ticket.sessionId, reason: messageOf(error) },
          'a cancel request did not reach the target',
        );
      });
    }
    if (this.#serverSide.betweenMessages)
      this.#client.write(errorResponse({ severity: 'FATAL', sqlstate, text: said }));
    this.#farewell();
    this.#done(reason);
  }

  /** One side has gone; so goes the other. */
  #finish(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#target.end();
    setTimeout(() => this.#targetSocket.destroy(), LEAVE_MS).unref();
    this.#farewell();
    this.#done(this.#left ? 'the client left' : reason);
  }

  #farewell(): void {
    this.#client.end();
    const timer = setTimeout(() => this.#client.destroy(), FAREWELL_MS);
    this.#client.once('close', () => clearTimeout(timer));
    // What it still sends is of no use to anybody, and its end must be seen.
    this.#client.resume();
  }

  #done(reason: string): void {
    this.#ledger.abandon();
    this.#ctx.whenOver(reason);
  }
}

/** RST, where the socket is still one of the kernel's. */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
