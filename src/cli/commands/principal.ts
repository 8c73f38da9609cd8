// `sally principal`: people, services and agents, until a directory brings them.

import type { Command } from 'commander';
import { z } from 'zod';
import {
  addPrincipalBody,
  issuedToken,
  type PrincipalView,
  principal as principalSchema,
} from '../../api/people.ts';
import { issuedLink } from '../../api/sign-in.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { group, leaf, startRun } from '../run.ts';
import {
  changeCommand,
  changesCommand,
  confirmCommand,
  enableCommand,
  refuseCommand,
} from './principal-change.ts';
import { tokensCommand } from './principal-tokens.ts';

export function command(): Command {
  return group('principal', 'list, add, change and disable people, services and agents', [
    listCommand(),
    addCommand(),
    changeCommand(),
    tokenCommand(),
    tokensCommand(),
    linkCommand(),
    disableCommand(),
    enableCommand(),
    changesCommand(),
    confirmCommand(),
    refuseCommand(),
  ]);
}

function listCommand(): Command {
  return leaf('list', 'list principals', ['principal list', 'principal list --json']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get('/api/principals', z.object({ items: z.array(principalSchema) }));
      showTable(run, items, {
        none: 'Nobody yet: `sally principal add`.',
        columns: [
          { title: 'NAME', cell: (p) => p.name, whole: true },
          { title: 'KIND', cell: (p) => p.kind, whole: true },
          { title: 'WHO', cell: (p) => p.displayName },
          { title: 'GROUPS', cell: (p) => p.groups.map((name) => groupText(p, name)).join(', ') },
          { title: 'MANAGER', cell: (p) => p.manager?.name ?? '' },
          { title: 'SPONSOR', cell: (p) => p.sponsor?.name ?? '' },
          { title: 'KEPT', cell: keptText, whole: true },
          { title: 'LAST USED', cell: (p) => p.lastUsedAt ?? 'never', whole: true },
          { title: 'STATE', cell: (p) => (p.disabled ? 'disabled' : 'active'), whole: true },
        ],
      });
    },
  );
}

function keptText(of: PrincipalView): string {
  if (of.fromDirectory) return 'directory';
  return of.providerKeeps.length > 0 ? 'provider' : 'here';
}

function groupText(of: PrincipalView, name: string): string {
  if (of.directoryGroups.includes(name)) return `${name} (directory)`;
  return of.providerGroups.includes(name) ? `${name} (provider)` : name;
}

interface AddOptions {
  displayName?: string;
  kind: string;
  group: string[];
  accountType?: string;
  title?: string;
  manager?: string;
  sponsor?: string;
}

const collect = (one: string, all: string[]) => [...all, one];

function addCommand(): Command {
  return leaf('add <name>', 'add a person, service or agent', [
    'principal add grace --display-name "Grace Hopper" --group engineering --group approvers',
    'principal add deploy-bot --kind service --group pipelines',
    'principal add build-agent --kind agent --sponsor grace',
  ])
    .option('--display-name <text>', 'the name that people read; the short name when left out')
    .option('--kind <kind>', 'person, service or agent', 'person')
    .option('--group <name>', 'a group of theirs; may be given again', collect, [])
    .option('--account-type <type>', 'for policies: employee, contractor …')
    .option('--title <text>', 'what they do')
    .option('--manager <name>', 'who policies may ask as their manager')
    .option('--sponsor <name>', 'who answers for an agent')
    .action(async (name: string, options: AddOptions, self: Command) => {
      const run = startRun(self);
      const body = addPrincipalBody.safeParse({
        ...options,
        name,
        displayName: options.displayName ?? name,
        groups: options.group,
      });
      if (!body.success) {
        const issue = body.error.issues[0];
        throw usage(
          `${issue?.path.join('.') || 'the principal'}: ${issue?.message}`,
          'See `sally principal add --help`.',
        );
      }
      const api = await run.api();
      const added = await api.post('/api/principals', principalSchema, { body: body.data });
      run.out.data(added, () => [
        `Added ${added.name} (${added.groups.join(', ') || 'in no group'}).`,
        `Let them sign in: \`sally principal token ${added.name}\`.`,
      ]);
    });
}

function tokenCommand(): Command {
  return leaf('token <name>', 'issue a token for a principal; it is shown once', [
    'principal token grace',
    'principal token deploy-bot --for 7d --json',
  ])
    .option('--for <duration>', 'how long it works, at most 24d', '24d')
    .action(async (name: string, options: { for: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const issued = await api.post(path`/api/principals/${name}/tokens`, issuedToken, {
        body: { lifetime: options.for },
      });
      run.out.data(issued, () => [issued.token]);
      run.out.say(
        `It works until ${issued.expiresAt} and is not shown again. They sign in with \`sally login\`.`,
      );
    });
}

function linkCommand(): Command {
  return leaf('link <name>', 'make a link to register a passkey with; it is shown once', [
    'principal link grace',
    'principal link grace --for 2h --json',
  ])
    .option('--for <duration>', 'how long it works, at most 7d', '1d')
    .action(async (name: string, options: { for: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const issued = await api.post(path`/api/principals/${name}/registration-link`, issuedLink, {
        body: { lifetime: options.for },
      });
      run.out.data(issued, () => [issued.url]);
      run.out.say(
        `It works once, until ${issued.expiresAt}; a link before it works no more. Give it to them yourself.`,
      );
    });
}

function disableCommand(): Command {
  return leaf('disable <name>', 'disable a principal: tokens and grants end', [
    'principal disable grace --reason "left the company"',
  ])
    .option('--reason <text>', 'why; asked for when left out')
    .action(async (name: string, options: { reason?: string }, self: Command) => {
      const run = startRun(self);
      const reason = await neededReason(run, options.reason, `Why is ${name} disabled?`);
      const api = await run.api();
      const disabled = await api.post(path`/api/principals/${name}/disable`, principalSchema, {
        body: { reason },
      });
      run.out.data(disabled, () => [`${disabled.name} is disabled; their tokens and grants end now.`]);
    });
}
