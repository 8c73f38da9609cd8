// What a task on a host may name, and how it reads. Everything that reaches a file or a shell on the host is held to
// a narrow form here, so that no text of a task can mean more there than it says.

import { z } from 'zod';
import type { HostTerms, Right } from '../../contract.ts';
import { COMMAND_PROGRAM } from './host-programs.ts';

const MOST_COMMANDS = 50;
const MOST_DESTINATIONS = 20;
const MOST_GROUPS = 20;

/** As `useradd` takes them; `sp_` are our own. */
const accountName = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'A name of an account: a-z, 0-9, _ and -, at most 32.');
/** Printable, without what would end a quoted option: a backslash or a double quote. */
const command = z
  .string()
  .max(500)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]([\x20\x21\x23-\x5b\x5d-\x7e]*[\x21\x23-\x5b\x5d-\x7e])?$/,
    'One line of printable characters without " and \\, and without spaces around it.',
  );
/** Of sudo: a program by its whole path and its arguments, all of them; no wildcards. */
const sudoCommand = z
  .string()
  .max(500)
  .regex(
    /^\/[A-Za-z0-9/._+-]+( [A-Za-z0-9/._@:=,+-]+)*$/,
    'A whole path and its arguments, such as /usr/bin/systemctl restart api; no quotes, no wildcards.',
  );

export const entitlement = z
  .strictObject({
    user: accountName.optional().describe('The account on the host to log in as'),
    perGrant: z.boolean().default(false).describe('Makes an account for each grant, and removes it with it'),
    groups: z
      .array(accountName)
      .max(MOST_GROUPS)
      .default([])
      .describe('Groups of an account made for a grant'),
    shell: z.boolean().default(false).describe('A shell and any command; files can be copied with it too'),
    commands: z.array(command).max(MOST_COMMANDS).default([]).describe('Only these commands, word by word'),
    sftp: z.boolean().default(false).describe('Files may be copied'),
    forward: z
      .array(
        z.strictObject({
          host: z
            .string()
            .max(253)
            .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'A host name or address.'),
          port: z.int().min(1).max(65_535),
        }),
      )
      .max(MOST_DESTINATIONS)
      .default([])
      .describe('Where connections may be forwarded to'),
    sudo: z
      .strictObject({
        as: accountName.default('root'),
        commands: z.array(sudoCommand).min(1).max(MOST_COMMANDS),
      })
      .optional()
      .describe('What may be run as somebody else'),
  })
  .superRefine((task, ctx) => {
    const refuse = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
    if (task.perGrant === (task.user !== undefined))
      refuse('user', 'Either an account that there is, or perGrant: one for each grant.');
    if (task.user?.startsWith('sp_') === true)
      refuse('user', 'Accounts that begin with sp_ are those of grants.');
    if (task.shell && task.commands.length > 0)
      refuse('commands', 'A shell runs any command: leave out one of the two.');
    if (!task.shell && !task.sftp && task.commands.length + task.forward.length === 0)
      refuse('shell', 'The task names nothing that it may do.');
    if (task.user !== undefined) {
      if (task.groups.length > 0) refuse('groups', 'Groups are given to an account made for a grant only.');
      // sudo is given to an account: on a shared one, everybody who is in it would have it.
      if (task.sudo !== undefined)
        refuse('sudo', 'sudo goes with perGrant: on a shared account, others who use it would have it too.');
    }
    if (task.sudo !== undefined && !task.shell && task.commands.length === 0)
      refuse('sudo', 'sudo needs a shell, or commands that call it.');
  });

export type Entitlement = z.infer<typeof entitlement>;

export function rightsOf(task: Entitlement): Right[] {
  const who = task.user ?? 'an account of its own';
  const rights: Right[] = [];
  const add = (verb: string, object: string, words: string) => rights.push({ verb, object, words });
  if (task.shell) add('shell', who, `a shell as ${who}, with any command and files`);
  for (const one of task.commands) add('exec', one, `run "${one}" as ${who}`);
  if (task.sftp && !task.shell) add('sftp', who, `copy files as ${who}`);
  for (const { host, port } of task.forward)
    add('forward', `${host}:${port}`, `forward connections to ${host}:${port}`);
  for (const group of task.groups) add('group', group, `be in the group ${group}`);
  for (const one of task.sudo?.commands ?? []) add('sudo', one, `run "${one}" as ${task.sudo?.as} by sudo`);
  return rights;
}

export function hostTermsOf(task: Entitlement): HostTerms {
  return {
    user: task.user ?? null,
    shell: task.shell,
    commands: task.commands,
    sftp: task.sftp || task.shell,
    forward: task.forward,
    forceCommand: task.shell ? null : `${COMMAND_PROGRAM} %l`,
  };
}

/** What sshd holds a grant's certificates to, as it stands before a principal's name. */
export function loginOptions(task: Entitlement, login: string): string {
  const destination = (host: string, port: number) =>
    host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return [
    'restrict',
    `environment="SALLYPORT_GRANT=${login}"`,
    ...(task.shell || task.commands.length > 0 ? ['pty'] : []),
    ...(task.shell ? [] : [`command="${COMMAND_PROGRAM} ${login}"`]),
    ...(task.forward.length === 0
      ? []
      : [
          'port-forwarding',
          // A port that nobody but root can listen on: without it, any may be listened on.
          'permitlisten="localhost:1"',
          ...task.forward.map(({ host, port }) => `permitopen="${destination(host, port)}"`),
        ]),
  ].join(',');
}

/** The rule for sudo; `%until` stands for its end. Without arguments is with none, not with any. */
export function sudoRule(task: Entitlement, login: string): string {
  if (task.sudo === undefined) return '';
  const commands = task.sudo.commands.map((one) =>
    one.includes(' ') ? one.replace(/[:=,]/g, (sign) => `\\${sign}`) : `${one} ""`,
  );
  return `${login} ALL=(${task.sudo.as}) NOTAFTER=%until NOPASSWD: ${commands.join(', ')}`;
}
