// A use of break-glass and its review begin in one transaction: there is never one without the other. Everybody whom
// it went past is told with it.

import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { tell } from '../notices/notices.ts';
import { REVIEW_WORKING_DAYS, workingDaysAfter } from './working-days.ts';

export interface Use {
  source: 'grant' | 'kit';
  drillId: string | null;
  grantId?: string;
  requestId?: string;
  kit?: { id: string; generation: number };
  target: { id: string; name: string } | null;
  segment: string;
  timeZone: string;
  now: Date;
  task: string;
  reason: string;
  /** Ids of principals. */
  usedBy: readonly string[];
  told: readonly string[];
  actor: Actor;
  sourceAddress?: string;
  /** What those who are told read. */
  notice: string;
}

/** The new review's id. */
export async function openReview(trx: Trx, use: Use): Promise<string> {
  const id = newId('review');
  const dueAt = workingDaysAfter(use.now, REVIEW_WORKING_DAYS, use.timeZone);
  await trx
    .insertInto('reviews')
    .values({
      id,
      source: use.source,
      drill_id: use.drillId,
      grant_id: use.grantId ?? null,
      kit_id: use.kit?.id ?? null,
      kit_generation: use.kit?.generation ?? null,
      target_id: use.target?.id ?? null,
      segment: use.segment,
      task: use.task,
      reason: use.reason,
      used_by: [...use.usedBy],
      told: [...use.told],
      due_at: dueAt,
    })
    .execute();
  await append(trx, {
    kind: 'review.opened',
    actor: use.actor,
    requestId: use.requestId,
    grantId: use.grantId,
    targetId: use.target?.id,
    sourceAddress: use.sourceAddress,
    detail: {
      reviewId: id,
      source: use.source,
      drill: use.drillId !== null,
      segment: use.segment,
      target: use.target?.name,
      task: use.task,
      dueAt,
      told: use.told.length,
    },
  });
  await tell(trx, use.told, { kind: 'break-glass', subjectId: id, text: use.notice, loud: true });
  await publish(trx, { topic: 'break-glass', id });
  return id;
}
