// `sally request`: asks for a task on a target, or for several together (all or none); with --wait it returns once there
// is access, or a refusal.

import type { Command } from 'commander';
import { type Submitted, submitted } from '../../api/requests.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import {
  type AskOptions,
  askBody,
  askBundle,
  explainRefusal,
  submit,
  USUAL_DURATION,
} from '../ask-access.ts';
import { membersFrom, readBundle } from '../bundle-file.ts';
import { grantSentence, requestSentence, waitingText } from '../cards.ts';
import type { Api } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { exitCodeFor, isSettled, waitForAccess } from '../wait.ts';

interface Options extends AskOptions {
  bundle?: string;
  wait?: boolean;
  timeout?: string;
}

export function command(): Command {
  return leaf('request [targets...]', 'ask for a task on a target, or for several together', [
    'request orders-db --task read-orders --for 30m --reason "look at order 1042"',
    'request orders-db --task fix-orders --reason "refund 1042" --ticket OPS-7 --wait',
    'request orders-db --task change-schema --for 2h --reason "release 9" --at 2026-12-01T22:00',
    'request orders-db:read-orders stock-db:fix-stock --for 1h --reason "recount" --once',
    'request --bundle release.yaml --wait',
  ])
    .option('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--bundle <file>', 'several members from a YAML file, granted all or none')
    .option('--for <duration>', `how long: 45s, 30m, 2h, 1d (default: ${USUAL_DURATION})`)
    .option('--reason <text>', 'what it is for')
    .option('--ticket <id>', 'the ticket that it belongs to')
    .option(
      '--at <moment>',
      'when it is to start: 2026-12-01T08:00:00+01:00, or without offset in the time of the segment',
    )
    .option('--once', 'for one session: the grant ends with it')
    .option('--session-bound', 'until the last of its sessions has ended')
    .option('--wait', 'wait until there is access, or a refusal')
    .option('--no-wait', 'return at once (the default)')
    .option('--timeout <duration>', 'with --wait: stop waiting after this (exit code 5)')
    .action(async (targets: string[], options: Options, self: Command) => {
      const run = startRun(self);
      const timeout = options.timeout === undefined ? null : parseDuration(options.timeout, '--timeout');
      const api = await run.api();
      const first = await ask(run, api, targets, options);
      const now = options.wait === true ? await waitForAccess(run, api, first, timeout) : first;
      show(run, api, now);
      const code = exitCodeFor(now);
      if (code !== EXIT.done) await explainRefusal(run, api, now);
      run.finish(options.wait === true && !isSettled(now) ? EXIT.timedOut : code);
    });
}

async function ask(run: Run, api: Api, targets: string[], options: Options): Promise<Submitted> {
  const [target, ...more] = targets;
  if (options.bundle !== undefined) {
    if (target !== undefined)
      throw usage('Members are named twice.', 'Name them in the file or on the command line, not in both.');
    return api.post('/api/bundles', submitted, {
      body: await askBundle(run, readBundle(options.bundle), options),
    });
  }
  if (target === undefined)
    throw usage('Which target?', 'For example `sally request orders-db --task read-orders`.');
  if (more.length === 0 && !target.includes(':'))
    return submit(api, await askBody(run, api, target, options));
  const members = membersFrom(targets, options.task);
  return api.post('/api/bundles', submitted, { body: await askBundle(run, { members }, options) });
}

function show(run: Run, api: Api, now: Submitted): void {
  const { request, grant, grants } = now;
  const all = grants ?? (grant === null ? [] : [grant]);
  run.out.data(now, () => [
    requestSentence(request),
    ...request.members.map((member) => `  ${member.task} on ${member.target}`),
    ...all.map((one) => grantSentence(one, api.nowMs())),
  ]);
  if (request.state === 'pending') {
    run.out.say(`${waitingText(request, api.nowMs())}.`);
    run.out.say(`Take it back with \`sally cancel ${request.id}\`.`);
    return;
  }
  for (const one of all)
    if (one.state === 'active' || one.state === 'granting')
      run.out.say(`Open it with \`sally connect ${one.target} --task ${one.task}\`.`);
  if (request.members.length > 0 && all.length > 0)
    run.out.say(
      `All of them, or none, for ${formatDuration(request.durationSeconds)}; each is given back by itself.`,
    );
}
