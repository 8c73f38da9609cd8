// A target's address, its nodes or its administrator's credential change while grants are live there. What is new is
// tried first, and stored only when grants can be made and ended with it, all those that are live included: a slip of
// the pen must not lock Sallyport out of what it has to end.

import { sql } from 'kysely';
import type { CheckReport } from '../api/targets.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { CheckItem, Handle } from '../connectors/contract.ts';
import type { OpenTarget } from '../connectors/registry.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { TargetRow } from './targets.ts';

/** Live grants that are looked for at a new address; more would make the wait long and say nothing new. */
const MOST_LOOKED_FOR = 20;

export interface TargetChange {
  settings?: Record<string, unknown>;
  admin?: { user: string; password: Secret };
}

export interface ChangeSteps {
  db: Db;
  /** A client with what is new, that nobody else uses. */
  candidate: OpenTarget;
  entitlements: unknown[];
  /** The sealed credential to store, or null to leave the one that is there. */
  credential: Buffer | null;
  /** Every node that there is then, as reports name them. */
  nodes: string[];
}

/**
 * Checks, then stores, with its entry; every step that waits for the target is due at once. Errors: `target-refused`
 * with what the check found, `target-differs`, `target-changed-meanwhile`.
 */
export async function changeTarget(
  steps: ChangeSteps,
  row: TargetRow,
  change: TargetChange,
  by: { actor: Actor; sourceAddress?: string },
  signal: AbortSignal,
): Promise<CheckReport> {
  const items = await steps.candidate.check(signal, steps.entitlements);
  refuseBlocked(items, change);
  if (change.settings !== undefined) await refuseElsewhere(steps, row, signal);
  const report: CheckReport = {
    ok: items.every((item) => item.status !== 'fail'),
    items,
    checkedAt: new Date().toISOString(),
  };
  await steps.db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('targets')
      .set({
        ...(change.settings === undefined ? {} : { settings: JSON.stringify(change.settings) }),
        ...(steps.credential === null ? {} : { credential: steps.credential }),
        check_report: JSON.stringify(report),
        checked_at: sql<Date>`now()`,
        version: sql<number>`version + 1`,
      })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n)
      throw conflict(
        'target-changed-meanwhile',
        'Somebody else has just changed this target. Look at it again.',
      );
    const credential = change.admin === undefined ? {} : { adminUser: change.admin.user };
    const settings = change.settings === undefined ? {} : { settings: change.settings };
    await append(trx, {
      kind: change.admin === undefined ? 'target.changed' : 'target.credential-changed',
      actor: by.actor,
      targetId: row.id,
      sourceAddress: by.sourceAddress,
      detail: { target: row.name, ...credential, ...settings },
    });
    // What waited for the old one need not wait any longer.
    await trx
      .updateTable('grants')
      .set({ next_attempt_at: sql<Date>`now()` })
      .where('target_id', '=', row.id)
      .where('next_attempt_at', '>', sql<Date>`now()`)
      .where((eb) => eb.or([eb('wanted', '=', 'absent'), eb('observed', '=', 'unknown')]))
      .where('observed', '!=', 'absent')
      .where((eb) => eb.or([eb('starts_at', 'is', null), eb('starts_at', '<=', sql<Date>`now()`)]))
      .execute();
    // What a node said that is none of the target's any more keeps nothing from being over.
    await trx
      .deleteFrom('grant_nodes')
      .where('grant_id', 'in', (eb) => eb.selectFrom('grants').select('id').where('target_id', '=', row.id))
      .where(sql<boolean>`node <> all(${steps.nodes}::text[])`)
      .execute();
    await publish(trx, { topic: 'targets', id: row.id });
    await publish(trx, { topic: 'grants', id: row.id });
  });
  return report;
}

function refuseBlocked(items: CheckItem[], change: TargetChange): void {
  const blocked = items.find((item) => item.status === 'fail' && item.blocks === true);
  if (blocked === undefined) return;
  throw new Failure('invalid', 'target-refused', `${blocked.detail} Nothing was changed.`, {
    field: change.admin === undefined ? 'settings' : 'password',
    ...(blocked.fix === undefined ? {} : { hint: blocked.fix }),
  });
}

/** At another address there may be another server, where nothing of what is live could be found, and so never ended. */
async function refuseElsewhere(steps: ChangeSteps, row: TargetRow, signal: AbortSignal): Promise<void> {
  const live = await steps.db
    .selectFrom('grants')
    .select(['login', 'handle'])
    .where('target_id', '=', row.id)
    .where('wanted', '=', 'present')
    .where('observed', '=', 'present')
    .orderBy('id')
    .limit(MOST_LOOKED_FOR)
    .execute();
  for (const grant of live) {
    const { observed } = await steps.candidate.inspect(grant.handle as Handle, signal);
    if (observed !== 'absent') continue;
    throw conflict(
      'target-differs',
      `The live login ${grant.login} is not there: this looks like another server.`,
      {
        field: 'settings',
        hint: 'End the grants on this target first, or add the other server as a target of its own.',
      },
    );
  }
}
