// The log as its readers have it: search, the newest checkpoint, the whole of it for verifying elsewhere. Taking a
// copy of the log is itself an entry.

import type { z } from 'zod';
import type { auditQuery, checkpoint } from '../api/audit.ts';
import { Failure } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { AuditAlarm } from './alarm.ts';
import { append } from './append.ts';
import { latestCheckpoint } from './checkpoint.ts';
import { exportLog } from './export.ts';
import type { LogKeys } from './log-keys.ts';
import { type FoundEntries, searchAudit } from './read.ts';
import type { Sequencer } from './sequence.ts';
import type { Actor } from './verify/leaf.ts';

export interface AuditLog {
  search(query: z.infer<typeof auditQuery>): Promise<FoundEntries>;
  /** Errors: `no-checkpoint` in the first second of an installation. */
  latestCheckpoint(): Promise<z.infer<typeof checkpoint>>;
  /** Pieces of whole lines, up to and with the entry of this export. */
  exportFor(actor: Actor, sourceAddress: string): Promise<AsyncIterable<string>>;
}

export function createAuditLog(ctx: {
  db: Db;
  sequencer: Sequencer;
  keys: LogKeys;
  dataFolder: string;
}): AuditLog {
  return {
    search: (query) => searchAudit(ctx.db, query),
    async latestCheckpoint() {
      const found = await latestCheckpoint(ctx.db);
      if (found === null)
        throw new Failure(
          'unavailable',
          'no-checkpoint',
          'There is no checkpoint yet; try again in a second.',
        );
      return { ...found, at: found.at.toISOString() };
    },
    async exportFor(actor, sourceAddress) {
      await ctx.db
        .transaction()
        .execute((trx) => append(trx, { kind: 'audit.exported', actor, sourceAddress, detail: {} }));
      // A log that has stopped with an alarm is exported as it is: whoever verifies it must see what is wrong.
      await ctx.sequencer.flush().catch((error: unknown) => {
        if (!(error instanceof AuditAlarm)) throw error;
      });
      const { alarm } = ctx.sequencer.status();
      return exportLog(ctx.db, {
        dataFolder: ctx.dataFolder,
        verifier: ctx.keys.first(),
        handovers: ctx.keys.handovers(),
        alarm,
      });
    },
  };
}
