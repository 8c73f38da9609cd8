// Every command: its name, one line on it, and where it lives. A run loads the file of one command only.

import type { Command } from 'commander';

export interface Entry {
  name: string;
  summary: string;
  load: () => Promise<{ command: () => Command }>;
}

export interface Section {
  title: string;
  entries: Entry[];
}

export const CATALOG: Section[] = [
  {
    title: 'Get access',
    entries: [
      {
        name: 'connect',
        summary: 'ask for access, wait, and open the client',
        load: () => import('./commands/connect.ts'),
      },
      {
        name: 'ssh',
        summary: 'ask for access to a host, wait, and log in with a certificate',
        load: () => import('./commands/ssh.ts'),
      },
      {
        name: 'proxy',
        summary: 'one local address for tools that are open already',
        load: () => import('./commands/proxy.ts'),
      },
      { name: 'request', summary: 'ask for a task on a target', load: () => import('./commands/request.ts') },
      {
        name: 'credentials',
        summary: 'issue a secret for an active grant',
        load: () => import('./commands/credentials.ts'),
      },
      {
        name: 'break-glass',
        summary: 'emergency access at once, drills, and kits for when the server is down',
        load: () => import('./commands/break-glass.ts'),
      },
      { name: 'extend', summary: 'lengthen a grant in place', load: () => import('./commands/extend.ts') },
      { name: 'done', summary: 'give a grant back', load: () => import('./commands/done.ts') },
      { name: 'cancel', summary: 'take back a pending request', load: () => import('./commands/cancel.ts') },
    ],
  },
  {
    title: 'Decide',
    entries: [
      {
        name: 'approve',
        summary: 'approve a request, as asked or for shorter, or one statement',
        load: () => import('./commands/approve.ts'),
      },
      {
        name: 'deny',
        summary: 'deny a request or a statement, with a reason',
        load: () => import('./commands/deny.ts'),
      },
      {
        name: 'delegate',
        summary: 'name a stand-in for your approvals',
        load: () => import('./commands/delegate.ts'),
      },
      {
        name: 'reviews',
        summary: 'list and decide reviews of break-glass',
        load: () => import('./commands/reviews.ts'),
      },
      {
        name: 'revoke',
        summary: 'end a grant and its sessions now',
        load: () => import('./commands/revoke.ts'),
      },
      {
        name: 'kill',
        summary: 'stop a person, a target, a segment or everything',
        load: () => import('./commands/kill.ts'),
      },
    ],
  },
  {
    title: 'See',
    entries: [
      {
        name: 'statements',
        summary: 'list statements that wait for approval',
        load: () => import('./commands/statements.ts'),
      },
      { name: 'requests', summary: 'list requests', load: () => import('./commands/requests.ts') },
      { name: 'grants', summary: 'list grants', load: () => import('./commands/grants.ts') },
      {
        name: 'sessions',
        summary: 'list sessions, live and past',
        load: () => import('./commands/sessions.ts'),
      },
      {
        name: 'session',
        summary: 'show one session and its statements',
        load: () => import('./commands/session.ts'),
      },
      { name: 'notices', summary: 'what you were told', load: () => import('./commands/notices.ts') },
      { name: 'receipt', summary: 'what a grant was used for', load: () => import('./commands/receipt.ts') },
      {
        name: 'audit',
        summary: 'search, export and verify the audit log',
        load: () => import('./commands/audit.ts'),
      },
    ],
  },
  {
    title: 'Run it',
    entries: [
      { name: 'init', summary: 'set up an own installation', load: () => import('./commands/init.ts') },
      {
        name: 'health',
        summary: 'what is not where it should be, and what to do',
        load: () => import('./commands/health.ts'),
      },
      {
        name: 'target',
        summary: 'list, add, check, change and remove targets',
        load: () => import('./commands/target.ts'),
      },
      {
        name: 'host',
        summary: 'show the authority that hosts trust',
        load: () => import('./commands/host.ts'),
      },
      {
        name: 'segment',
        summary: 'list segments, set time zone and owner',
        load: () => import('./commands/segment.ts'),
      },
      { name: 'keys', summary: 'show and rotate keys', load: () => import('./commands/keys.ts') },
      {
        name: 'replicas',
        summary: 'list the processes of this installation, and drain one',
        load: () => import('./commands/replicas.ts'),
      },
      {
        name: 'label',
        summary: 'label columns that hold personal or secret data',
        load: () => import('./commands/label.ts'),
      },
      {
        name: 'recover',
        summary: 'show why the store stands still, and sign that it goes on',
        load: () => import('./commands/recover.ts'),
      },
      { name: 'task', summary: 'list and add tasks', load: () => import('./commands/task.ts') },
      {
        name: 'principal',
        summary: 'list, add, change and disable people, services and agents',
        load: () => import('./commands/principal.ts'),
      },
      {
        name: 'group',
        summary: 'list, add and delete groups',
        load: () => import('./commands/group.ts'),
      },
      {
        name: 'on-call',
        summary: 'list, add and end shifts on call',
        load: () => import('./commands/on-call.ts'),
      },
      {
        name: 'policy',
        summary: 'show, explain, test and change policy',
        load: () => import('./commands/policy.ts'),
      },
    ],
  },
  {
    title: 'You',
    entries: [
      {
        name: 'login',
        summary: 'log in to a server on this machine',
        load: () => import('./commands/login.ts'),
      },
      { name: 'logout', summary: 'forget the login', load: () => import('./commands/logout.ts') },
      { name: 'whoami', summary: 'who you are to the server', load: () => import('./commands/whoami.ts') },
      {
        name: 'completion',
        summary: 'completion for bash, zsh or fish',
        load: () => import('./commands/completion.ts'),
      },
    ],
  },
];

export const ENTRIES: Entry[] = CATALOG.flatMap((section) => section.entries);
