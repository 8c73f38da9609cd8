// What ties a recovery to the rest: the fence before each target, and what people see and sign.

import type { RecoveryAnswer } from '../api/recovery.ts';
import type { KeptState, Sequencer } from '../audit/sequence.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Mark } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import type { RecoveryView } from '../http/context.ts';
import { actorOf } from '../identity/principals.ts';
import type { OwnName } from '../replicas/own-name.ts';
import { type Recovery, refuseInRecovery } from '../replicas/recovery.ts';
import type { Replicas } from '../replicas/replicas.ts';
import { countOn, type FenceContext, whatDiffers } from '../targets/fence.ts';
import type { Fence } from '../targets/targets.ts';

/** Longer than it waits for another run to show that it is over. */
const FENCE_LIMIT_MS = 70_000;
const STEP_TIMEOUT_MS = 15_000;

export function createFence(input: {
  db: Db;
  log: Logger;
  mark: Mark;
  own: OwnName;
  replicas: Replicas;
  recovery: Recovery;
}): Fence {
  const { db, log, mark, own, replicas, recovery } = input;
  const checked = new Set<string>();
  const contextFor = (id: string): FenceContext => ({
    db,
    mark,
    livingRuns: () => replicas.livingRuns(),
    newPlace: own.runBefore === null && !checked.has(id),
  });
  return {
    async check(target) {
      refuseInRecovery(recovery.state());
      const differs = await whatDiffers(contextFor(target.id), target, AbortSignal.timeout(FENCE_LIMIT_MS));
      if (differs !== null) await recovery.begin(differs);
      refuseInRecovery(recovery.state());
      checked.add(target.id);
      try {
        await countOn(contextFor(target.id), target, AbortSignal.timeout(STEP_TIMEOUT_MS));
      } catch (error) {
        // It is told by marks less soon then; a target must not be left alone for that.
        log.warn({ target: target.name, reason: messageOf(error) }, 'the mark on a target could not be set');
      }
    },
  };
}

export function createRecoveryView(input: {
  db: Db;
  recovery: Recovery;
  sequencer: Sequencer;
  installationId: string;
}): RecoveryView {
  const { db, recovery, sequencer, installationId } = input;
  const read = async (): Promise<RecoveryAnswer> => {
    await recovery.refresh();
    const { size } = await db.selectFrom('audit_tree').select('size').executeTakeFirstOrThrow();
    return {
      installation: installationId,
      epoch: recovery.epoch(),
      recovery: recovery.state(),
      storeSize: size,
      keptSize: sequencer.kept()?.size ?? null,
    };
  };
  return {
    state: () => recovery.state(),
    read,
    async sign(by, { reason, confirm }) {
      const { storeSize } = await read();
      const kept: KeptState = sequencer.kept() ?? { size: storeSize, root: '' };
      await recovery.sign({
        reason,
        confirm,
        kept: { keptSize: kept.size, keptRoot: kept.root, storeSize },
        by: {
          actor: actorOf(by.principal),
          principalId: by.principal.id,
          sourceAddress: by.sourceAddress,
        },
      });
      return read();
    },
  };
}
