// `sally approve`: shows the card, and approves exactly what was shown: the request's digest goes along.

import type { Command } from 'commander';
import { submitted } from '../../api/requests.ts';
import { statementCard } from '../../api/statements.ts';
import { parseDuration } from '../../base/duration.ts';
import { isId } from '../../base/ids.ts';
import { grantSentence, requestCard, requestSentence } from '../cards.ts';
import { path } from '../client.ts';
import { interrupted, usage } from '../exit-codes.ts';
import { askYesNo } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { statementLines, statementSentence } from '../statement-card.ts';

interface Options {
  for?: string;
  yes?: boolean;
}

export function command(): Command {
  return leaf('approve <id>', 'approve a request, as asked or for shorter, or one statement', [
    'approve req_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'approve req_01jd2q0v6w8x9y0z1a2b3c4d5e --for 30m',
    'approve stm_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ])
    .option('--for <duration>', 'shorter than asked')
    .option('-y, --yes', 'do not ask once more')
    .action(async (id: string, options: Options, self: Command) => {
      const run = startRun(self);
      if (isId('statement', id)) {
        await approveStatement(run, id, options);
        return;
      }
      if (options.for !== undefined) parseDuration(options.for, '--for');
      const api = await run.api();
      const before = await api.get(path`/api/requests/${id}`, submitted);
      for (const line of requestCard(before.request, run.out, api.nowMs())) run.out.say(line);
      if (run.interactive && options.yes !== true && before.request.mayApprove) {
        const shorter = options.for === undefined ? '' : ` for ${options.for}`;
        if (!(await askYesNo(`Approve${shorter}?`, true)))
          throw interrupted('Not approved; nothing was sent.');
      }
      const now = await api.post(path`/api/requests/${id}/approve`, submitted, {
        body: {
          digest: before.request.digest,
          ...(options.for === undefined ? {} : { duration: options.for }),
        },
      });
      run.out.data(now, () => [
        requestSentence(now.request),
        ...(now.grant === null ? [] : [grantSentence(now.grant, api.nowMs())]),
      ]);
    });
}

/** Exactly what was shown: the card's digest goes along. */
async function approveStatement(run: Run, id: string, options: Options): Promise<void> {
  if (options.for !== undefined)
    throw usage('--for is for requests.', 'A statement runs once: leave it out.');
  const api = await run.api();
  const card = await api.get(path`/api/statements/${id}`, statementCard);
  for (const line of statementLines(card, run.out, api.nowMs())) run.out.say(line);
  if (run.interactive && options.yes !== true && card.mayApprove && !(await askYesNo('Approve?', true)))
    throw interrupted('Not approved; nothing was sent.');
  const now = await api.post(path`/api/statements/${id}/approve`, statementCard, {
    body: { digest: card.digest },
  });
  run.out.data(now, () => [statementSentence(now)]);
}
