// `sally approve`: shows the card, and approves exactly what was shown: the request's digest goes along.

import type { Command } from 'commander';
import { submitted } from '../../api/requests.ts';
import { parseDuration } from '../../base/duration.ts';
import { grantSentence, requestCard, requestSentence } from '../cards.ts';
import { path } from '../client.ts';
import { interrupted } from '../exit-codes.ts';
import { askYesNo } from '../prompts.ts';
import { leaf, startRun } from '../run.ts';

interface Options {
  for?: string;
  yes?: boolean;
}

export function command(): Command {
  return leaf('approve <request-id>', 'approve a request, as asked or for shorter', [
    'approve req_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'approve req_01jd2q0v6w8x9y0z1a2b3c4d5e --for 30m',
  ])
    .option('--for <duration>', 'shorter than asked')
    .option('-y, --yes', 'do not ask once more')
    .action(async (id: string, options: Options, self: Command) => {
      const run = startRun(self);
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
