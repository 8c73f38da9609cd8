// Whoever could say yes to a statement is told so, since it waits for minutes only. Nothing of its text: a notice is kept
// longer than a card may keep values.

import { describeDuration } from '../base/duration.ts';
import type { Trx } from '../db/client.ts';
import { tell } from '../notices/notices.ts';
import type { OpenStatement } from './statement-view.ts';

export async function tellOfStatement(
  trx: Trx,
  { row, requester, asked }: Pick<OpenStatement, 'row' | 'requester' | 'asked'>,
  principalIds: readonly string[],
): Promise<void> {
  const waits = describeDuration(Math.round((row.expires_at.getTime() - row.created_at.getTime()) / 1000));
  await tell(trx, principalIds, {
    kind: 'statement',
    subjectId: row.id,
    text: `${requester.displayName} wants to run one statement on ${asked.target.name} (${asked.task.name}). It waits for a yes, at most ${waits}.`,
  });
}
