// `sally deny`: says no, and why.

import type { Command } from 'commander';
import { submitted } from '../../api/requests.ts';
import { statementCard } from '../../api/statements.ts';
import { isId } from '../../base/ids.ts';
import { requestSentence } from '../cards.ts';
import { path } from '../client.ts';
import { neededReason } from '../needed.ts';
import { leaf, startRun } from '../run.ts';
import { statementSentence } from '../statement-card.ts';

export function command(): Command {
  return leaf('deny <id>', 'deny a request or a statement, with a reason', [
    'deny req_01jd2q0v6w8x9y0z1a2b3c4d5e --reason "use the replica for this"',
  ])
    .option('--reason <text>', 'why not, and what to do instead')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const reason = await neededReason(run, options.reason, 'Why not?');
      if (isId('statement', id)) {
        const card = await api.post(path`/api/statements/${id}/deny`, statementCard, { body: { reason } });
        run.out.data(card, () => statementSentence(card));
        return;
      }
      const now = await api.post(path`/api/requests/${id}/deny`, submitted, { body: { reason } });
      run.out.data(now, () => requestSentence(now.request));
    });
}
