// `sally done`: gives a grant back before its time. Without an id: the only one that one holds.

import type { Command } from 'commander';
import { grant as grantSchema } from '../../api/grants.ts';
import { Failure } from '../../base/errors.ts';
import type { Api } from '../client.ts';
import { endGrant } from '../end-grant.ts';
import { usage } from '../exit-codes.ts';
import { askChoice } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { relative } from '../times.ts';

const MOST_CHOICES = 50;

export function command(): Command {
  return leaf('done [grant-id]', 'give a grant back', ['done', 'done grt_01jd2q0v6w8x9y0z1a2b3c4d5e'])
    .option('--no-wait', 'do not wait for the target to confirm')
    .action(async (id: string | undefined, options: { wait: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      await endGrant(run, api, id ?? (await onlyGrant(run, api)), { act: 'done', wait: options.wait });
    });
}

async function onlyGrant(run: Run, api: Api): Promise<string> {
  const held = await api.list('/api/grants', grantSchema, { state: 'active', view: 'mine' }, MOST_CHOICES);
  const [first] = held;
  if (first === undefined) throw new Failure('not-found', 'no-active-grant', 'You hold no active grant.');
  if (held.length === 1) return first.id;
  if (!run.interactive) {
    throw usage(
      `You hold ${held.length} active grants.`,
      'Name one: `sally grants --mine --state active` lists them.',
    );
  }
  return askChoice(
    'Which one do you give back?',
    held.map((grant) => ({
      value: grant.id,
      label: `${grant.task} on ${grant.target}`,
      hint: `ends ${relative(grant.expiresAt, api.nowMs())}`,
    })),
  );
}
