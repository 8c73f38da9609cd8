// One running session: two pumps that do not wait for each other. Each pauses only its own source, when its own sink
// is full; reading from the client also waits for the recording and for a pipeline that is too deep. Also here, the
// cut: the TCP connection to the target is reset (what the kernel still holds is not sent, and the backend's next
// answer fails, so nothing that was pipelined behind the running statement begins), the running statement is
// cancelled, and the client gets one last error and the end.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { StatementDesk } from '../../grants/session-ticket.ts';
import { errorResponse, FROM_CLIENT, message, noticeResponse } from '../../pg-wire/frames.ts';
import type { LiveSession } from '../../sessions/live-session.ts';
import type { FastSocket, FastSockets } from '../fast-socket.ts';
import { Approval } from './approval.ts';
import { ClientSide } from './client-side.ts';
import type { Guard } from './guard/guard.ts';
import { maskedTerms, termsOf } from './guard/terms.ts';
import { Ledger, LedgerFault, MOST_PENDING } from './ledger.ts';
import { Literals } from './literals.ts';
import { Look } from './look.ts';
import { RowMask, RowMaskFault } from './mask/row-mask.ts';
import { sessionMask } from './mask/session-mask.ts';
import { BudgetFault, overBudget, RowCut } from './row-cut.ts';
import { ServerFault, ServerSide } from './server-side.ts';
import { createStandIns } from './stand-in.ts';
import { isSafeEncoding } from './startup-parameters.ts';
import { cancelUpstream, type Upstream } from './upstream.ts';

export interface RelayContext {
  log: Logger;
  session: LiveSession;
  guard: Guard;
  sockets: FastSockets;
  client: Duplex;
  upstream: Upstream;
  /** What the client sent after its login, before we listened. */
  early: Buffer;
  /** The client's socket is this from now on. */
  replaced(client: FastSocket): void;
  /** The client's socket is closed. */
  clientClosed(client: FastSocket): void;
  /** Calls when the client sends a cancel request; true: it was for something of ours. */
  onCancel(handler: () => boolean): void;
  /** Where statements wait for approval. */
  desk: StatementDesk;
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
const PAUSED_BY_BUDGET = 16;
const NOTHING = Buffer.alloc(0);

/** Starts at once. Ends by itself; `session.attach` gives the ways to end it from outside. */
export function startRelay(ctx: RelayContext): void {
  new Relay(ctx).start();
}

function literalsOf({ literals }: LiveSession['ticket']): Literals | null {
  return literals === null ? null : new Literals(literals.mode, Buffer.from(literals.key.reveal(), 'base64'));
}

class Relay {
  readonly #ctx: RelayContext;
  readonly #client: FastSocket;
  readonly #target: FastSocket;
  readonly #ledger: Ledger;
  readonly #clientSide: ClientSide;
  readonly #serverSide: ServerSide;
  #paused = 0;
  #over = false;
  readonly #ended = new AbortController();
  #look: Look | null = null;
  #answered: (() => void)[] = [];
  #left = false;
  #encoding: string;
  #farewellTimer: NodeJS.Timeout | undefined;
  /** Set at the deadline of a soft landing: what to do at the next end of a statement, counted by `from`. */
  #landing: { landed: () => void; from: number } | null = null;

  constructor(ctx: RelayContext) {
    this.#ctx = ctx;
    this.#encoding = ctx.upstream.parameters.get('client_encoding') ?? 'UTF8';
    const client = this.#clientSocket();
    const target = this.#targetSocket();
    this.#client = client;
    this.#target = target;
    ctx.replaced(client);
    const { recorder, startedAt, budget, ticket } = ctx.session;
    this.#ledger = new Ledger(recorder, startedAt, budget, literalsOf(ticket));
    const refusal = budget === null ? null : overBudget(budget.words, ticket);
    const standIns = createStandIns();
    const terms = termsOf(ticket.guard, ticket.task, ticket.approveStatements, ctx.upstream.columnFunctions);
    const approval = this.#approval();
    const mask = ctx.session.ticket.mask === null ? null : sessionMask(ctx.session.ticket.mask);
    this.#clientSide = new ClientSide({
      ledger: this.#ledger,
      standIns,
      guard: ctx.guard,
      terms: mask === null ? terms : maskedTerms(terms, mask.relations),
      grantId: ticket.grantId,
      masked: mask !== null,
      approval:
        approval === null
          ? null
          : { decide: (statement) => approval.decide(statement), answered: () => this.#whenAnswered() },
      overBudget: () => (budget?.over === true ? refusal : null),
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
      describes: approval !== null,
      cut:
        budget === null || refusal === null
          ? null
          : new RowCut({ budget, ledger: this.#ledger, refusal, cancel: () => this.#cancelStatement() }),
      send: (bytes) => {
        if (!client.write(bytes)) this.#target.pause();
      },
      setting: (name, value) => this.#setting(name, value),
    });
  }

  #clientSocket(): FastSocket {
    const { sockets, client, clientClosed } = this.#ctx;
    return sockets(client, client instanceof Socket ? client : null, {
      chunk: (bytes) => this.#fromClient(bytes),
      drain: () => {
        if (!this.#over) this.#target.resume();
      },
      end: () => this.#finish('the client left'),
      close: () => {
        clearTimeout(this.#farewellTimer);
        clientClosed(this.#client);
        this.#finish('the client left');
      },
      failed: (error) => this.#failed(error),
    });
  }

  #targetSocket(): FastSocket {
    const { sockets, upstream } = this.#ctx;
    return sockets(upstream.stream, upstream.socket, {
      chunk: (bytes) => this.#fromTarget(bytes),
      drain: () => this.#resume(PAUSED_BY_TARGET),
      end: () => this.#finish('the target closed the connection'),
      close: () => this.#finish('the target closed the connection'),
      failed: (error) => this.#failed(error),
    });
  }

  start(): void {
    const { session, upstream } = this.#ctx;
    session.attach({
      cut: (said, reason) => this.#cut('57P01', said, reason),
      warn: (said) => this.#warn(said),
      pause: (waiting) => (waiting ? this.#pause(PAUSED_BY_RECORDING) : this.#resume(PAUSED_BY_RECORDING)),
      land: (landed) => this.#land(landed),
      running: () => this.#ledger.running(),
    });
    // Only now: a session that was cut while its target answered sends nothing any more.
    for (const early of [upstream.early, this.#target.early]) if (early.length > 0) this.#fromTarget(early);
    for (const early of [this.#ctx.early, this.#client.early]) if (early.length > 0) this.#fromClient(early);
    // What closed before anybody listened gives no event any more.
    if (this.#client.closed) this.#finish('the client left');
    if (this.#target.closed) this.#finish('the target closed the connection');
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

  #fromTarget(arrived: Buffer): void {
    if (this.#over) return;
    try {
      let chunk = arrived;
      if (this.#look !== null) {
        const rest = this.#look.take(arrived);
        if (rest === null) return;
        this.#look = null;
        chunk = rest;
      }
      this.#serverSide.take(chunk);
    } catch (error) {
      if (error instanceof BudgetFault) {
        this.#cut('53400', `${error.message} The session ends here.`, 'its budget is used up');
        return;
      }
      if (!(error instanceof LedgerFault || error instanceof ServerFault || error instanceof RowMaskFault))
        throw error;
      this.#ctx.log.error(
        { session: this.#ctx.session.ticket.sessionId, reason: error.message },
        'the target broke the protocol',
      );
      this.#cut('08P01', `${error.message} The session ends here.`, `protocol: ${error.message}`);
      return;
    }
    if (this.#answered.length > 0 && this.#ledger.pending === 0)
      for (const tell of this.#answered.splice(0)) tell();
    if (this.#landing !== null && this.#ledger.finished > this.#landing.from) {
      this.#landing.landed();
      return;
    }
    if ((this.#paused & PAUSED_BY_DEPTH) !== 0 && this.#ledger.pending < MOST_PENDING / 2)
      this.#resume(PAUSED_BY_DEPTH);
  }

  /** Null where nothing waits for approval. */
  #approval(): Approval | null {
    const { desk, session, onCancel } = this.#ctx;
    if (session.ticket.approveStatements === null) return null;
    const approval = new Approval({
      desk,
      sessionId: session.ticket.sessionId,
      over: this.#ended.signal,
      answered: () => this.#whenAnswered(),
      encoding: () => this.#encoding,
      status: () => this.#ledger.status,
      look: (bytes, readies) => this.#lookAt(bytes, readies),
      notice: (text) =>
        void this.#client.write(noticeResponse({ severity: 'NOTICE', sqlstate: '00000', text })),
    });
    onCancel(() => approval.cancel());
    return approval;
  }

  /** What was read before is sent first, so it is asked for in the next turn; Flush makes the target answer all. */
  async #whenAnswered(): Promise<void> {
    await Promise.resolve();
    if (this.#over || this.#ledger.pending === 0) return;
    this.#target.write(message(FROM_CLIENT.flush));
    await new Promise<void>((resolve) => this.#answered.push(resolve));
  }

  #lookAt(bytes: Buffer, readies: number): Promise<Buffer[] | null> {
    if (this.#over || !this.#serverSide.empty || this.#ledger.pending > 0) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#look = new Look(readies, (passed) => this.#serverSide.take(passed), resolve);
      this.#ended.signal.addEventListener('abort', () => resolve(null), { once: true });
      this.#target.write(bytes);
    });
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
    if (name !== 'client_encoding') return;
    if (!isSafeEncoding(value))
      throw new ServerFault(`The client encoding ${value} is not one that statements can be read in.`);
    this.#encoding = value;
  }

  #warn(said: string): boolean {
    if (this.#over || !this.#serverSide.betweenMessages) return false;
    this.#client.write(noticeResponse({ severity: 'WARNING', sqlstate: '01000', text: said }));
    return true;
  }

  /** Nothing new begins; what the target works on now may end. What was sent behind it is cut off then. */
  #land(landed: () => void): boolean {
    if (this.#over || this.#ledger.pending === 0) return false;
    this.#landing = { landed, from: this.#ledger.finished };
    this.#clientSide.land();
    return true;
  }

  /** Terminate came: the target gets it after all that was sent before, and closes by itself. */
  #leave(): void {
    this.#left = true;
    this.#target.end(message(FROM_CLIENT.terminate));
    setTimeout(() => this.#target.destroy(), LEAVE_MS).unref();
  }

  /** The target first: nothing more may begin there. */
  #cut(sqlstate: string, said: string, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const { session, upstream, log } = this.#ctx;
    this.#target.reset();
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

  /** Nothing that is sent later may be hit by it, so the client is not read until the target has taken note. */
  #cancelStatement(): void {
    const { session, upstream, log } = this.#ctx;
    if (upstream.cancelKey === null) return;
    this.#pause(PAUSED_BY_BUDGET);
    cancelUpstream(session.ticket, upstream.cancelKey, CANCEL_TIMEOUT_MS)
      .catch((error: unknown) =>
        log.warn(
          { session: session.ticket.sessionId, reason: messageOf(error) },
          'a cancel request did not reach the target',
        ),
      )
      .finally(() => this.#resume(PAUSED_BY_BUDGET));
  }

  /** A fault of ours ends this session and no other; its socket is closed already. */
  #failed(error: unknown): void {
    this.#ctx.log.error(
      { session: this.#ctx.session.ticket.sessionId, err: error },
      'a session failed unexpectedly',
    );
    this.#cut('XX000', 'The session failed and ends here.', 'failed');
  }

  /** One side has gone; so goes the other. */
  #finish(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#target.end();
    setTimeout(() => this.#target.destroy(), LEAVE_MS).unref();
    this.#farewell();
    this.#done(this.#left ? 'the client left' : reason);
  }

  #farewell(): void {
    this.#client.end();
    this.#farewellTimer = setTimeout(() => this.#client.destroy(), FAREWELL_MS);
    // What it still sends is of no use to anybody, and its end must be seen.
    this.#client.resume();
  }

  #done(reason: string): void {
    this.#ended.abort();
    this.#ledger.abandon();
    this.#ctx.whenOver(reason);
  }
}
