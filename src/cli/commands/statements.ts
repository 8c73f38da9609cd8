// `sally statements`: statements that wait for a yes of their own, and one of them.

import type { Command } from 'commander';
import { statementCard, statementState } from '../../api/statements.ts';
import { path } from '../client.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { leaf, startRun } from '../run.ts';
import { statementLines } from '../statement-card.ts';
import { clock } from '../times.ts';

interface Options {
  state?: string;
  approvals?: true;
  limit: string;
}

export function command(): Command {
  const list = leaf('statements [statement-id]', 'statements that wait for approval one by one', [
    'statements --approvals',
    'statements stm_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ])
    .option('--state <state>', `only ${statementState.options.join(', ')}`)
    .option('--approvals', 'only those that you could decide now');
  return addLimit(list).action(async (id: string | undefined, options: Options, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    if (id !== undefined) {
      const card = await api.get(path`/api/statements/${id}`, statementCard);
      run.out.data(card, () => statementLines(card, run.out, api.nowMs()));
      return;
    }
    const view = options.approvals === true ? 'approvals' : 'all';
    const state = oneOf('--state', options.state, statementState.options);
    const rows = await api.list('/api/statements', statementCard, { state, view }, limitFrom(options.limit));
    const now = api.nowMs();
    showTable(run, rows, {
      none: view === 'approvals' ? 'No statement waits for you.' : 'No statements.',
      columns: [
        { title: 'ID', cell: (one) => one.id, whole: true },
        { title: 'STATE', cell: (one) => one.state, whole: true },
        { title: 'WHO', cell: (one) => one.principal.name },
        { title: 'TARGET', cell: (one) => one.target },
        { title: 'UNTIL', cell: (one) => clock(one.expiresAt, now), whole: true },
        { title: 'STATEMENT', cell: (one) => one.text.replaceAll(/\s+/g, ' ') },
      ],
    });
  });
}
