// What fails when people sign in: counted by address, so that who keeps guessing is told to stop, and noted in the log,
// a few of each address and minute, so that neither a guesser nor a forgotten script can flood it.

import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { Failure, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';

const MOST_FAILURES = 30;
const FAILURE_WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;
/** Entries of one address in a window, and of all together. */
const MOST_NOTED_BY_ADDRESS = 5;
const MOST_NOTED = 100;

const NOBODY: Actor = { id: 'unknown', name: 'unknown', kind: 'unknown' };

export interface FailedSignIn {
  how: 'token' | 'oidc' | 'passkey' | 'link' | 'login';
  /** Of the failure, as the person was told. */
  code: string;
  address: string;
  /** When it is known whose account it was. */
  actor?: Actor | null;
  /** What an auditor needs beside: never anything that was typed. */
  detail?: Record<string, unknown>;
}

export interface FailedSignIns {
  /** Errors: `too-many-failures` for an address that failed too often. Never another: what failed has failed. */
  note(failed: FailedSignIn, who?: () => Promise<Actor | null>): Promise<void>;
}

interface Window {
  since: number;
  failures: number;
  noted: number;
}

export function createFailedSignIns(ctx: { db: Db; log: Logger }): FailedSignIns {
  const byAddress = new Map<string, Window>();
  let everybody: Window = { since: monotonicMs(), failures: 0, noted: 0 };

  const current = (kept: Window | undefined): Window =>
    kept === undefined || monotonicMs() - kept.since > FAILURE_WINDOW_MS
      ? { since: monotonicMs(), failures: 0, noted: 0 }
      : kept;

  async function write(failed: FailedSignIn, actor: Actor): Promise<void> {
    try {
      await ctx.db.transaction().execute((trx) =>
        append(trx, {
          kind: 'sign-in.failed',
          actor,
          sourceAddress: failed.address,
          detail: { how: failed.how, code: failed.code, ...failed.detail },
        }),
      );
    } catch (error) {
      ctx.log.warn({ reason: messageOf(error) }, 'a failed sign-in could not be noted');
    }
  }

  return {
    async note(failed, who) {
      const own = current(byAddress.get(failed.address));
      everybody = current(everybody);
      own.failures += 1;
      if (byAddress.size >= MOST_ADDRESSES) byAddress.clear();
      byAddress.set(failed.address, own);
      if (own.noted < MOST_NOTED_BY_ADDRESS && everybody.noted < MOST_NOTED) {
        own.noted += 1;
        everybody.noted += 1;
        const actor = failed.actor ?? (await who?.().catch(() => null)) ?? NOBODY;
        await write(failed, actor);
      }
      if (own.failures <= MOST_FAILURES) return;
      throw new Failure(
        'limit',
        'too-many-failures',
        'Too many failed sign-ins from this address; wait a minute.',
      );
    },
  };
}
