// `sally break-glass`: emergency access at once, drills of it, and the kits for when the server itself is down.

import type { Command } from 'commander';
import { type BreakGlassBody, brokenGlassAnswer } from '../../api/break-glass.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { grantSentence } from '../cards.ts';
import { usage } from '../exit-codes.ts';
import { neededReason } from '../needed.ts';
import { leaf, startRun } from '../run.ts';
import { clock } from '../times.ts';
import { typedName } from '../typed-name.ts';
import { drillCommand } from './break-glass-drill.ts';
import { kitCommand } from './break-glass-kit.ts';
import { openCommand } from './break-glass-open.ts';

const WAIT_SECONDS = 30;

interface Options {
  task?: string;
  for?: string;
  reason?: string;
  confirm?: string;
  drill?: boolean;
}

export function command(): Command {
  return leaf('break-glass <target>', 'emergency access at once: nobody approves, everybody is told', [
    'break-glass orders-db --task fix-orders --reason "customers are charged twice"',
    'break-glass orders-db --task fix-orders --reason "INC-1042" --confirm orders-db --no-input --json',
    'break-glass drill schedule --person erin --target orders-db --task fix-orders --every 90d',
  ])
    .enablePositionalOptions()
    .option('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--for <duration>', 'how long: 30m when left out, or what policy allows at most')
    .option('--reason <text>', 'what has happened; everybody who is told reads it')
    .option('--confirm <target>', 'the target once more, for scripts')
    .option('--drill', 'it is the drill that was ordered of you')
    .addCommand(openCommand())
    .addCommand(kitCommand())
    .addCommand(drillCommand())
    .action(async (target: string, options: Options, self: Command) => {
      const run = startRun(self);
      if (options.task === undefined)
        throw usage('Which task?', 'Add --task <task>; `sally task list` shows what there is.');
      if (options.for !== undefined) parseDuration(options.for, '--for');
      const reason = await neededReason(
        run,
        options.reason,
        'What has happened? (everybody who is told reads it)',
      );
      const confirm = await typedName(
        run,
        target,
        options.confirm,
        `Break the glass? Nobody approves, everybody is told, and it is reviewed. Type ${target} to go on`,
      );
      const body: BreakGlassBody = {
        target,
        task: options.task,
        reason,
        confirm,
        drill: options.drill === true,
        ...(options.for === undefined ? {} : { duration: options.for }),
      };
      const api = await run.api();
      const done = await api.post('/api/break-glass', brokenGlassAnswer, { body, waitSeconds: WAIT_SECONDS });
      run.out.data(done, () => [
        `${done.review.drill ? 'Drill: the' : 'The'} glass is broken: ${done.grant.task} on ${done.grant.target} for ${formatDuration(done.grant.durationSeconds)}.`,
        grantSentence(done.grant, api.nowMs()),
        `Use it: sally connect ${done.grant.target} --task ${done.grant.task}`,
        `Give it back: sally done ${done.grant.id}`,
        `${done.review.told.length} people were told. The review ${done.review.id} is open, due ${clock(done.review.dueAt, api.nowMs())}; somebody else decides it.`,
      ]);
    });
}
