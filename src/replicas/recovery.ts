// Recovery: this store may be a restored backup, or a copy of one that works elsewhere. That stands in the store itself,
// so that every process on it stands still: it reads, writes nothing and touches no target, until a person who
// administers has looked at what differs and signs that this is the one. Then the epoch counts up, which every other
// copy finds on the targets.

import { timingSafeEqual } from 'node:crypto';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, Failure, invalid } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { MasterKey } from '../base/master-key.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';

const LOOK_MS = 2_000;
const MOST_FOUND = 50;
const PROOF_BYTES = 32;

export interface RecoveryState {
  since: string;
  /** What differs, one sentence each. */
  found: string[];
}

/** The kept copy of the log at the moment of the signature. */
export interface KeptLog {
  keptSize: number;
  keptRoot: string;
  storeSize: number;
}

export interface RecoveryContext {
  db: Db;
  log: Logger;
  masterKey: Pick<MasterKey, 'derive'>;
  installationId: string;
  /** Looks for a reason to stand still that only this process can see. */
  look: () => string | null;
  /** Called when the state or the epoch has changed. */
  onChange: (state: RecoveryState | null, epoch: number) => Promise<void>;
}

export interface Recovery {
  state(): RecoveryState | null;
  epoch(): number;
  start(): void;
  stop(): Promise<void>;
  /** Everybody on this store stands still, from now on. */
  begin(found: string): Promise<void>;
  /** Reads what others have written. */
  refresh(): Promise<void>;
  /** Errors: `not-in-recovery`, `invalid-input` naming `confirm`. Gives the new epoch. */
  sign(input: { reason: string; confirm: string; kept: KeptLog; by: SignedBy }): Promise<number>;
  /** Bridges that were signed for real, after `epoch`. */
  bridgesAfter(epoch: number): Promise<{ epoch: number; kept: KeptLog }[]>;
}

interface SignedBy {
  actor: Actor;
  principalId: string;
  sourceAddress: string;
}

export function createRecovery(ctx: RecoveryContext): Recovery {
  const { db } = ctx;
  let state: RecoveryState | null = null;
  let epoch = 0;

  async function refresh(): Promise<void> {
    const row = await db.selectFrom('installation').select(['recovery', 'epoch']).executeTakeFirstOrThrow();
    const next = row.recovery as RecoveryState | null;
    const changed = (next === null) !== (state === null) || (epoch !== 0 && row.epoch !== epoch);
    state = next;
    epoch = row.epoch;
    if (changed) await ctx.onChange(state, epoch);
  }

  async function begin(found: string): Promise<void> {
    if (state?.found.includes(found) === true) return;
    const began = await db.transaction().execute(async (trx) => {
      const row = await trx
        .selectFrom('installation')
        .select('recovery')
        .forUpdate()
        .executeTakeFirstOrThrow();
      const before = row.recovery as RecoveryState | null;
      if (before?.found.includes(found) === true || (before?.found.length ?? 0) >= MOST_FOUND) return false;
      const after: RecoveryState = {
        since: before?.since ?? new Date().toISOString(),
        found: [...(before?.found ?? []), found],
      };
      await trx
        .updateTable('installation')
        .set({ recovery: JSON.stringify(after) })
        .execute();
      await append(trx, { kind: 'recovery.begun', actor: SYSTEM_ACTOR, detail: { found } });
      return true;
    });
    if (began)
      ctx.log.error({ found }, 'RECOVERY: nothing is written and no target is touched; see: sally recover');
    await refresh();
  }

  const loop: Repeating = repeat(ctx, 'recovery', LOOK_MS, async () => {
    await refresh();
    const found = ctx.look();
    if (found !== null && state === null) await begin(found);
    return undefined;
  });

  return {
    state: () => state,
    epoch: () => epoch,
    start: () => loop.start(),
    stop: () => loop.stop(),
    begin,
    refresh,
    async sign({ reason, confirm, kept, by }) {
      if (confirm !== ctx.installationId)
        throw invalid(
          'confirm',
          'Type the id of this installation to confirm.',
          `It is ${ctx.installationId}.`,
        );
      const signed = await db.transaction().execute(async (trx) => {
        const row = await trx
          .selectFrom('installation')
          .select(['recovery', 'epoch'])
          .forUpdate()
          .executeTakeFirstOrThrow();
        if (row.recovery === null) throw conflict('not-in-recovery', 'This store is not in recovery.');
        const next = row.epoch + 1;
        await trx.updateTable('installation').set({ epoch: next, recovery: null }).execute();
        await trx
          .insertInto('bridges')
          .values({
            epoch: next,
            kept: JSON.stringify(kept),
            proof: proofOf(ctx, next, kept),
            signed_by: by.principalId,
          })
          .execute();
        await append(trx, {
          kind: 'recovery.bridged',
          actor: by.actor,
          sourceAddress: by.sourceAddress,
          detail: { epoch: next, reason, found: (row.recovery as RecoveryState).found, ...kept },
        });
        return next;
      });
      await refresh();
      return signed;
    },
    async bridgesAfter(after) {
      const rows = await db
        .selectFrom('bridges')
        .select(['epoch', 'kept', 'proof'])
        .where('epoch', '>', after)
        .orderBy('epoch')
        .execute();
      return rows.flatMap((row) => {
        const kept = row.kept as KeptLog;
        const proof = proofOf(ctx, row.epoch, kept);
        if (proof.length === row.proof.length && timingSafeEqual(proof, row.proof))
          return [{ epoch: row.epoch, kept }];
        ctx.log.error(
          { epoch: row.epoch },
          'a bridge in the store was not signed by this installation; it is ignored',
        );
        return [];
      });
    },
  };
}

/** The proofs anew, by another master key. */
export async function proveAgain(
  trx: Trx,
  ctx: Pick<RecoveryContext, 'masterKey' | 'installationId'>,
): Promise<void> {
  for (const row of await trx.selectFrom('bridges').select(['epoch', 'kept']).execute()) {
    const proof = proofOf(ctx, row.epoch, row.kept as KeptLog);
    await trx.updateTable('bridges').set({ proof }).where('epoch', '=', row.epoch).execute();
  }
}

/** What only who holds the master key can make: who holds the store alone cannot bridge over what it has rewritten. */
function proofOf(
  ctx: Pick<RecoveryContext, 'masterKey' | 'installationId'>,
  epoch: number,
  kept: KeptLog,
): Buffer {
  const said = `${ctx.installationId} ${epoch} ${kept.keptSize} ${kept.keptRoot} ${kept.storeSize}`;
  return ctx.masterKey.derive('bridge', said, PROOF_BYTES);
}

/** Errors: Failure `in-recovery`, for whoever wants to change something. */
export function refuseInRecovery(state: RecoveryState | null): void {
  if (state === null) return;
  throw new Failure(
    'unavailable',
    'in-recovery',
    'This store may be restored or copied: nothing is written and no target is touched until somebody signs.',
    {
      hint: 'An administrator looks at what differs, and signs: sally recover',
      facts: { since: state.since, found: state.found },
    },
  );
}
