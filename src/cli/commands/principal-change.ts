// `sally principal change|enable|changes|confirm|refuse`: what is kept by hand, and what waits for a second person.

import type { Command } from 'commander';
import { z } from 'zod';
import {
  type ChangedPrincipal,
  changedPrincipal,
  changePrincipalBody,
  peopleChange,
} from '../../api/people-changes.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { leaf, type Run, startRun } from '../run.ts';

const collect = (one: string, all: string[]) => [...all, one];
/** What takes a title or manager away. */
const NONE = 'none';

interface ChangeOptions {
  displayName?: string;
  accountType?: string;
  title?: string;
  manager?: string;
  sponsor?: string;
  join: string[];
  leave: string[];
  reason?: string;
}

export function changeCommand(): Command {
  return leaf('change <name>', 'change a principal that is kept by hand', [
    'principal change grace --title "Data engineer" --manager ada --reason "new team"',
    'principal change grace --join dba --leave interns --reason "OPS-12"',
    'principal change build-agent --sponsor grace --reason "Ada has left"',
  ])
    .option('--display-name <text>', 'the name that people read')
    .option('--account-type <type>', 'for policies: employee, contractor …')
    .option('--title <text>', `what they do; \`${NONE}\` takes it away`)
    .option('--manager <name>', `who policies may ask as their manager; \`${NONE}\` for nobody`)
    .option('--sponsor <name>', 'who answers for an agent')
    .option('--join <group>', 'a group to join; may be given again', collect, [])
    .option('--leave <group>', 'a group to leave; may be given again', collect, [])
    .option('--reason <text>', 'why; asked for when left out')
    .action(async (name: string, options: ChangeOptions, self: Command) => {
      const run = startRun(self);
      const { reason: given, title, manager, ...rest } = options;
      const reason = await neededReason(run, given, `Why is ${name} changed?`);
      const orNull = (text: string | undefined) => (text === NONE ? null : text);
      const body = changePrincipalBody.safeParse({
        ...rest,
        title: orNull(title),
        manager: orNull(manager),
        reason,
      });
      if (!body.success) {
        const issue = body.error.issues[0];
        throw usage(
          `${issue?.path.join('.') || 'the change'}: ${issue?.message}`,
          'See `sally principal change --help`.',
        );
      }
      const api = await run.api();
      const done = await api.post(path`/api/principals/${name}/change`, changedPrincipal, {
        body: body.data,
      });
      showDone(run, done, `${name} is changed.`);
    });
}

export function enableCommand(): Command {
  return leaf('enable <name>', 'let a disabled principal in again', [
    'principal enable grace --reason "back from leave"',
  ])
    .option('--reason <text>', 'why; asked for when left out')
    .action(async (name: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, `Why is ${name} enabled again?`);
      const api = await run.api();
      const done = await api.post(path`/api/principals/${name}/enable`, changedPrincipal, {
        body: { reason },
      });
      showDone(run, done, `${name} is enabled; tokens from before stay revoked.`);
    });
}

function showDone(run: Run, done: ChangedPrincipal, text: string): void {
  const { principal, waiting } = done;
  run.out.data(done, () =>
    waiting === null
      ? [`${text} Groups: ${principal.groups.join(', ') || 'none'}.`]
      : [
          `Nothing has changed yet: ${waiting.whyTwo.join(' ')}`,
          `A second person confirms it: \`sally principal confirm ${waiting.id}\`.`,
        ],
  );
}

export function changesCommand(): Command {
  return leaf('changes', 'list changes of people that wait for a second person', [
    'principal changes',
    'principal changes --all --json',
  ])
    .option('--all', 'those that are over too')
    .action(async (options: { all?: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/people-changes', z.object({ items: z.array(peopleChange) }));
      const shown = items.filter((one) => options.all === true || one.state === 'open');
      showTable(run, shown, {
        none: 'No change of people waits for a second person.',
        columns: [
          { title: 'ID', cell: (one) => one.id, whole: true },
          { title: 'WHO', cell: (one) => one.principal.name },
          { title: 'WHAT', cell: (one) => one.does.join(' ') },
          { title: 'WHY IT TAKES TWO', cell: (one) => one.whyTwo.join(' ') },
          { title: 'PROPOSED BY', cell: (one) => one.proposedBy.name },
          { title: 'REASON', cell: (one) => one.reason },
          { title: 'STATE', cell: (one) => one.state, whole: true },
        ],
      });
    });
}

export function confirmCommand(): Command {
  return leaf('confirm <change-id>', 'agree, as the second person, to a change of people', [
    'principal confirm pch_01jd2q0v6w8x9y0z1a2b3c4d5g',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const done = await api.post(path`/api/people-changes/${id}/confirm`, changedPrincipal, {});
    run.out.data(done, () => [
      `Confirmed: ${done.principal.name} is in ${done.principal.groups.join(', ') || 'no group'}.`,
    ]);
  });
}

export function refuseCommand(): Command {
  return leaf('refuse <change-id>', 'refuse a change of people, or take your own back', [
    'principal refuse pch_01jd2q0v6w8x9y0z1a2b3c4d5g --reason "not agreed"',
  ])
    .option('--reason <text>', 'why; asked for when left out')
    .action(async (id: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, 'Why is it refused?');
      const api = await run.api();
      const refused = await api.post(path`/api/people-changes/${id}/refuse`, peopleChange, {
        body: { reason },
      });
      run.out.data(refused, () => [`The change of ${refused.principal.name} is ${refused.state}.`]);
    });
}
