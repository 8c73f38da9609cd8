// `sally policy sign`, `refuse` and `withdraw`: what becomes of a change of policy. The digest is given by whoever
// signs, so that nobody signs anything but what they looked at.

import type { Command } from 'commander';
import { changeAnswer } from '../../api/policy-changes.ts';
import { proposalDetail } from '../../api/policy-plan.ts';
import { path } from '../client.ts';
import { interrupted, usage } from '../exit-codes.ts';
import { neededReason } from '../needed.ts';
import { askYesNo } from '../prompts.ts';
import { changeLines, proposalLines } from '../proposal-lines.ts';
import { leaf, startRun } from '../run.ts';
import { textChanges } from '../text-changes.ts';

const EXAMPLE = 'prp_01jd2q0v6w8x9y0z1a2b3c4d5e';

export function signCommand(): Command {
  return leaf('sign <proposal-id>', 'sign a change of policy, which puts it in force', [
    `policy sign ${EXAMPLE} --digest 5f3a…`,
  ])
    .option('--digest <digest>', 'of the set that you looked at (asked for when left out)')
    .action(async (id: string, options: { digest?: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const shown = await api.get(path`/api/policy/proposals/${id}`, proposalDetail);
      if (options.digest === undefined) {
        if (!run.interactive) {
          throw usage('Which digest?', `Look at it with \`sally policy changes ${id}\`, then add --digest.`);
        }
        for (const line of proposalLines(shown, run.out, api.nowMs())) run.out.say(line);
        for (const line of textChanges(shown.files, run.out)) run.out.say(line);
        if (!(await askYesNo(`Sign ${shown.digest}?`, false))) throw interrupted('Not signed.');
      }
      const told = await api.post(path`/api/policy/proposals/${id}/sign`, changeAnswer, {
        body: { digest: options.digest ?? shown.digest },
      });
      run.out.data(told, () => changeLines(told, run.out));
    });
}

export function refuseCommand(): Command {
  return leaf('refuse <proposal-id>', 'refuse a change of policy, with a reason', [
    `policy refuse ${EXAMPLE} --reason "the auditors need it"`,
  ])
    .option('--reason <text>', 'why not, and what to do instead')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const reason = await neededReason(run, options.reason, 'Why not?');
      const told = await api.post(path`/api/policy/proposals/${id}/refuse`, changeAnswer, {
        body: { reason },
      });
      run.out.data(told, () => changeLines(told, run.out));
    });
}

export function withdrawCommand(): Command {
  return leaf('withdraw <proposal-id>', 'take back a change that you proposed', [
    `policy withdraw ${EXAMPLE}`,
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const told = await api.post(path`/api/policy/proposals/${id}/withdraw`, changeAnswer);
    run.out.data(told, () => changeLines(told, run.out));
  });
}
