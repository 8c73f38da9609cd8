// `sally request`: asks for a task on a target; with --wait it returns once there is access, or a refusal.

import type { Command } from 'commander';
import type { Submitted } from '../../api/requests.ts';
import { parseDuration } from '../../base/duration.ts';
import { type AskOptions, askBody, explainRefusal, submit, USUAL_DURATION } from '../ask-access.ts';
import { grantSentence, requestSentence, waitingText } from '../cards.ts';
import type { Api } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { exitCodeFor, isSettled, waitForAccess } from '../wait.ts';

interface Options extends AskOptions {
  wait?: boolean;
  timeout?: string;
}

export function command(): Command {
  return leaf('request <target>', 'ask for a task on a target', [
    'request orders-db --task read-orders --for 30m --reason "look at order 1042"',
    'request orders-db --task fix-orders --reason "refund 1042" --ticket OPS-7 --wait',
    'request orders-db --task change-schema --for 2h --reason "release 9" --at 2026-12-01T22:00',
  ])
    .option('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--for <duration>', `how long: 45s, 30m, 2h, 1d (default: ${USUAL_DURATION})`)
    .option('--reason <text>', 'what it is for')
    .option('--ticket <id>', 'the ticket that it belongs to')
    .option(
      '--at <moment>',
      'when it is to start: 2026-12-01T08:00:00+01:00, or without offset in the time of the segment',
    )
    .option('--wait', 'wait until there is access, or a refusal')
    .option('--no-wait', 'return at once (the default)')
    .option('--timeout <duration>', 'with --wait: stop waiting after this (exit code 5)')
    .action(async (target: string, options: Options, self: Command) => {
      const run = startRun(self);
      const timeout = options.timeout === undefined ? null : parseDuration(options.timeout, '--timeout');
      const api = await run.api();
      const body = await askBody(run, api, target, options);
      const first = await submit(api, body);
      const now = options.wait === true ? await waitForAccess(run, api, first, timeout) : first;
      show(run, api, now);
      const code = exitCodeFor(now);
      if (code !== EXIT.done) await explainRefusal(run, api, now);
      run.finish(options.wait === true && !isSettled(now) ? EXIT.timedOut : code);
    });
}

function show(run: Run, api: Api, now: Submitted): void {
  const { request, grant } = now;
  run.out.data(now, () => [
    requestSentence(request),
    ...(grant === null ? [] : [grantSentence(grant, api.nowMs())]),
  ]);
  if (request.state === 'pending') {
    run.out.say(`${waitingText(request, api.nowMs())}.`);
    run.out.say(`Take it back with \`sally cancel ${request.id}\`.`);
  } else if (grant?.state === 'active' || grant?.state === 'granting') {
    run.out.say(`Open it with \`sally connect ${request.target.name} --task ${request.task.name}\`.`);
  }
}
