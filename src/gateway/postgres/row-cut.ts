// Where a grant's budget of rows or bytes is used up in the middle of an answer: the rest of the rows does not go to the
// client, the target is asked to cancel the statement, and its end becomes one SQL error of ours; the session lives on.
//
// A statement may end before the cancel reaches it. Then its completion is taken for the error, which is true of what
// reads; a change with RETURNING has happened, so it keeps its completion, with a warning that rows were withheld. What
// follows such an error before the next ReadyForQuery was run by the target and would be skipped by a client that
// believes the error: nobody may be left with that doubt, so the session ends.

import { errorResponse, FROM_SERVER, HEADER_BYTES, message, noticeResponse } from '../../pg-wire/frames.ts';
import type { Budget } from '../../sessions/budgets.ts';
import type { Refusal } from './guard/guard.ts';
import type { Ledger } from './ledger.ts';

const NOT_CUT = 0;
/** Rows are held back until the statement ends. */
const CUTTING = 1;
/** Its end was told as an error; ReadyForQuery comes next. */
const TOLD = 2;

const NOTHING = Buffer.alloc(0);
const ZERO = Buffer.alloc(1);
/** Of each text that comes beside rows: it may quote any value, or all of them. */
const LONGEST_WORDS_BYTES = 300;
const CHANGES = /^(INSERT|UPDATE|DELETE|MERGE|CALL|DO)\b/;

/** The session must end: what the client has been told no longer fits what the target did. */
export class BudgetFault extends Error {}

export interface RowCutContext {
  budget: Budget;
  ledger: Ledger;
  refusal: Refusal;
  /** Asks the target to cancel what runs. */
  cancel(): void;
}

export class RowCut {
  readonly #ctx: RowCutContext;
  #state: typeof NOT_CUT | typeof CUTTING | typeof TOLD = NOT_CUT;

  constructor(ctx: RowCutContext) {
    this.#ctx = ctx;
  }

  /** Rows of so many bytes may go on without a look at each. */
  fits(bytes: number): boolean {
    return this.#state === NOT_CUT && this.#ctx.budget.fits(bytes);
  }

  /** Whether this row may go to the client. */
  lets(bytes: number): boolean {
    if (this.#state === TOLD) throw this.#fault();
    if (this.#state === CUTTING) return false;
    if (this.#ctx.budget.mayTake(bytes)) return true;
    this.#state = CUTTING;
    this.#ctx.cancel();
    return false;
  }

  /** A notification counts as a row does; false: it is withheld. */
  notifies(bytes: number): boolean {
    if (!this.#ctx.budget.mayTake(bytes)) return false;
    this.#ctx.budget.spend(1, bytes);
    return true;
  }

  /**
   * What goes to the client instead of a whole message that is no row; null: it is none of ours. What is answered here
   * is in the ledger.
   */
  instead(
    chunk: Buffer,
    type: number | undefined,
    at: number,
    end: number,
    affected: () => number,
  ): Buffer | null {
    if (this.#state === NOT_CUT) return null;
    return this.#state === CUTTING
      ? this.#whileCutting(chunk, type, at, end, affected)
      : this.#whenTold(type);
  }

  #whileCutting(
    chunk: Buffer,
    type: number | undefined,
    at: number,
    end: number,
    affected: () => number,
  ): Buffer | null {
    const { ledger, refusal } = this.#ctx;
    switch (type) {
      case FROM_SERVER.error:
        this.#state = NOT_CUT;
        ledger.error(refusal.sqlstate, refusal.text, false, -1);
        return this.#error();
      case FROM_SERVER.copyDone:
        return NOTHING;
      case FROM_SERVER.commandComplete:
        if (CHANGES.test(chunk.toString('latin1', at + HEADER_BYTES, end))) {
          this.#state = NOT_CUT;
          ledger.commandComplete(affected());
          return Buffer.concat([this.#warning(), chunk.subarray(at, end)]);
        }
        ledger.blame({ sqlstate: refusal.sqlstate, message: refusal.text });
        ledger.commandComplete(affected());
        this.#state = TOLD;
        return this.#error();
      case FROM_SERVER.portalSuspended:
        ledger.blame({ sqlstate: refusal.sqlstate, message: refusal.text });
        ledger.portalSuspended();
        this.#state = TOLD;
        return this.#error();
      default:
        return null;
    }
  }

  #whenTold(type: number | undefined): Buffer | null {
    switch (type) {
      case FROM_SERVER.ready:
        this.#state = NOT_CUT;
        return null;
      case FROM_SERVER.parameterStatus:
      case FROM_SERVER.notice:
      case FROM_SERVER.notification:
        return null;
      case FROM_SERVER.closeComplete:
        this.#ctx.ledger.closeComplete();
        return NOTHING;
      default:
        throw this.#fault();
    }
  }

  #error(): Buffer {
    return errorResponse({ severity: 'ERROR', ...this.#ctx.refusal });
  }

  #warning(): Buffer {
    const { hint = '' } = this.#ctx.refusal;
    const text = 'What this statement changed is changed; rows that it gives were withheld.';
    return noticeResponse({
      severity: 'WARNING',
      sqlstate: '01000',
      text: `${text} ${this.#ctx.refusal.text}`,
      hint,
    });
  }

  #fault(): BudgetFault {
    return new BudgetFault(`${this.#ctx.refusal.text} Statements behind it had begun.`);
  }
}

/** An error or notice with its texts cut, or a setting withheld, where they are long; null: it is short. */
export function shortened(bytes: Buffer): Buffer | null {
  if (bytes[0] === FROM_SERVER.parameterStatus) return bytes.length > LONGEST_WORDS_BYTES ? NOTHING : null;
  const fields: Buffer[] = [];
  let long = false;
  for (let at = HEADER_BYTES; at < bytes.length && bytes[at] !== 0; ) {
    const zero = bytes.indexOf(0, at);
    const end = zero < 0 ? bytes.length : zero;
    let kept = Math.min(end, at + LONGEST_WORDS_BYTES);
    // Not in the middle of a character.
    while (kept < end && ((bytes[kept] ?? 0) & 0xc0) === 0x80) kept--;
    long ||= kept < end || zero < 0;
    fields.push(bytes.subarray(at, kept), ZERO);
    at = end + 1;
  }
  return long ? message(bytes[0] ?? 0, ...fields, ZERO) : null;
}

/** `ticket`: whose budget it is, for the hint. */
export function overBudget(words: string, ticket: { target: string; task: string }): Refusal {
  return {
    sqlstate: '53400',
    text: `Sallyport cut this off: the grant may read ${words}, and has.`,
    hint: `Ask for another grant, and say why it takes more: sally request ${ticket.target} --task ${ticket.task}`,
  };
}
