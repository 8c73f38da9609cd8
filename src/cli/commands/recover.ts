// `sally recover`: what differs about a store that stands still, and the signature with which it goes on.

import type { Command } from 'commander';
import { recoveryAnswer } from '../../api/recovery.ts';
import { usage } from '../exit-codes.ts';
import { printable } from '../printable.ts';
import { leaf, type Run, startRun } from '../run.ts';

export function command(): Command {
  return leaf('recover', 'show why the store stands still, and sign that it goes on', [
    'recover',
    'recover --reason "restored the backup of 03:00, the old server is gone" --confirm ins_01k2…',
  ])
    .option('--reason <text>', 'sign, with this reason')
    .option('--confirm <installation>', 'the id of the installation, as `sally recover` shows it')
    .action(async (options: { reason?: string; confirm?: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const now = await api.get('/api/recovery', recoveryAnswer);
      if (options.reason === undefined) {
        show(run, now);
        return;
      }
      if (options.confirm === undefined)
        throw usage(
          'Confirm it by typing the id of the installation.',
          `Stop every other Sallyport of this installation first; then add --confirm ${now.installation}.`,
        );
      const signed = await api.post('/api/recovery', recoveryAnswer, {
        body: { reason: options.reason, confirm: options.confirm },
      });
      run.out.data(signed, () => [`It goes on, as epoch ${signed.epoch}.`]);
    });
}

function show(run: Run, now: ReturnType<typeof recoveryAnswer.parse>): void {
  run.out.data(now, () => {
    if (now.recovery === null) return [`All is well: installation ${now.installation}, epoch ${now.epoch}.`];
    return [
      `Nothing is written and no target is touched since ${now.recovery.since}:`,
      ...now.recovery.found.map((text) => `  ${printable(text)}`),
      `The store has ${now.storeSize} audit entries${now.keptSize === null ? '' : `, the copy outside of it ${now.keptSize}`}.`,
      '',
      'Is this a copy (in staging, say)? Then stop it. Is it the one that is to go on? Then stop every other',
      'Sallyport of this installation, and sign:',
      `  sally recover --reason "…" --confirm ${now.installation}`,
    ];
  });
}
