// `sally revoke`: ends somebody's grant and its sessions now.

import type { Command } from 'commander';
import { endGrant } from '../end-grant.ts';
import { neededReason } from '../needed.ts';
import { leaf, startRun } from '../run.ts';

export function command(): Command {
  return leaf('revoke <grant-id>', 'end a grant and its sessions now', [
    'revoke grt_01jd2q0v6w8x9y0z1a2b3c4d5e --reason "laptop was stolen"',
  ])
    .option('--reason <text>', 'why')
    .option('--no-wait', 'do not wait for the target to confirm')
    .action(async (id: string, options: { reason?: string; wait: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const reason = await neededReason(run, options.reason, 'Why?');
      await endGrant(run, api, id, { act: 'revoke', reason, wait: options.wait });
    });
}
