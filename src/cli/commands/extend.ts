// `sally extend`: lengthens a grant in place; policy decides again, open sessions stay.

import type { Command } from 'commander';
import { grant as grantSchema } from '../../api/grants.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { grantSentence } from '../cards.ts';
import { path } from '../client.ts';
import { sayExpired } from '../ended-grant.ts';
import { usage } from '../exit-codes.ts';
import { neededReason } from '../needed.ts';
import { leaf, startRun } from '../run.ts';

interface Options {
  for?: string;
  reason?: string;
}

export function command(): Command {
  return leaf('extend <grant-id>', 'lengthen a grant in place', [
    'extend grt_01jd2q0v6w8x9y0z1a2b3c4d5e --for 30m --reason "the backfill still runs"',
  ])
    .option('--for <duration>', 'how much longer: 45s, 30m, 2h')
    .option('--reason <text>', 'what it is still needed for')
    .action(async (id: string, options: Options, self: Command) => {
      const run = startRun(self);
      if (options.for === undefined)
        throw usage('For how much longer?', 'Add --for <duration>, for example --for 30m.');
      parseDuration(options.for, '--for');
      const api = await run.api();
      const reason = await neededReason(run, options.reason, 'What is it still needed for?');
      const grant = await api
        .post(path`/api/grants/${id}/extend`, grantSchema, { body: { duration: options.for, reason } })
        .catch(async (error: unknown) => {
          throw await sayExpired(api, id, error);
        });
      run.out.data(grant, () => grantSentence(grant, api.nowMs()));
      if (grant.extension !== null)
        run.out.say(
          `Policy wants approval for that: request ${grant.extension.requestId}, for ${formatDuration(grant.extension.durationSeconds)} in all. The grant goes on until its end meanwhile.`,
        );
    });
}
