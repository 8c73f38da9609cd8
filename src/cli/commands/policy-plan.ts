// `sally policy plan <folder>`: what the folder would do if it were the policy: to the requests of the last ninety days,
// to people, to live grants. It changes nothing.

import type { Command } from 'commander';
import { policyPlan } from '../../api/policy-plan.ts';
import { planLines } from '../plan-lines.ts';
import { policySet, readPolicyFolder, withPack } from '../policy-folder.ts';
import { leaf, startRun } from '../run.ts';

/** The replay itself takes at most 20 s; live grants come after it. */
const ANSWER_WITHIN_SECONDS = 60;

export function planCommand(): Command {
  return leaf('plan <folder>', 'what a folder of policies would change, over the last 90 days', [
    'policy plan policies',
    'policy plan policies --let-run-out --json',
  ])
    .option('--pack <segment>', 'the folder is the pack of that segment; all else stays')
    .option('--let-run-out', 'as `apply --let-run-out` would treat live grants')
    .action(async (folder: string, options: { letRunOut?: boolean; pack?: string }, self: Command) => {
      const run = startRun(self);
      const read = readPolicyFolder(folder);
      const api = await run.api();
      const files =
        options.pack === undefined
          ? read
          : withPack((await api.get('/api/policy', policySet)).files, options.pack, read);
      run.out.say('Making the decisions of the last 90 days again …');
      const plan = await api.post('/api/policy/plan', policyPlan, {
        body: { files, liveGrants: options.letRunOut === true ? 'run-out' : 'end' },
        waitSeconds: ANSWER_WITHIN_SECONDS,
      });
      run.out.data(plan, () => planLines(plan, run.out, api.nowMs()));
    });
}
