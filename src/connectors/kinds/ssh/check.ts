// What `target check` finds on a host, and the lines that mend it, ready to paste; and who can log in there outside of
// grants.

import { createHash } from 'node:crypto';
import { Failure } from '../../../base/errors.ts';
import type { CheckItem, StandingAccess } from '../../contract.ts';
import { type Answer, adminKeyLine, type HostClient, runOnHost, valuesOf } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import {
  COMMAND_PROGRAM,
  COMMAND_TEXT,
  PRINCIPALS_PROGRAM,
  PRINCIPALS_TEXT,
  setupScript,
  WANTED_OPTIONS,
} from './host-programs.ts';

const MOST_SKEW_SECONDS = 5;

/** `Connector.check`. */
export async function check(
  client: HostClient,
  signal: AbortSignal,
  tasks: Entitlement[],
): Promise<CheckItem[]> {
  const { access } = client;
  const authorities = (await access.authorities?.()) ?? [];
  const { installation } = access.mark;
  const setup = setupScript({ installation, authorities, adminKey: adminKeyLine(access) });
  let facts: Answer;
  const before = Date.now();
  try {
    facts = await runOnHost(client, 'facts', [PRINCIPALS_PROGRAM, COMMAND_PROGRAM], signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const fix =
      error.code === 'target-login-failed' || error.code === 'target-right-missing' ? { fix: setup } : {};
    return [{ name: 'connection', status: 'fail', detail: error.message, blocks: true, ...fix }];
  }
  const items: CheckItem[] = [
    {
      name: 'connection',
      status: 'ok',
      detail: `Logged in as ${access.admin.user}; ${valuesOf(facts, 'version')[0] ?? 'no version told'}.`,
    },
    administratorItem(facts),
    programsItem(facts, setup),
    configurationItem(facts, setup),
    authoritiesItem(facts, installation, authorities, setup),
    clockItem(facts, before),
  ];
  const lacks = valuesOf(facts, 'lacks').filter((one) => one !== 'visudo');
  if (lacks.length > 0)
    items.push({ name: 'programs', status: 'fail', detail: `The host lacks ${lacks.join(', ')}.` });
  return [...items, ...taskItems(facts, tasks)];
}

function administratorItem(facts: Answer): CheckItem {
  const root = valuesOf(facts, 'uid')[0] === '0';
  return root
    ? { name: 'administrator', status: 'ok', detail: 'It can do what grants need.' }
    : { name: 'administrator', status: 'fail', detail: 'What it runs is not run as root.', blocks: true };
}

function programsItem(facts: Answer, fix: string): CheckItem {
  const wanted = [
    [PRINCIPALS_PROGRAM, PRINCIPALS_TEXT],
    [COMMAND_PROGRAM, COMMAND_TEXT],
  ] as const;
  const found = valuesOf(facts, 'file');
  const right = wanted.every(([path, text]) => {
    const hash = createHash('sha256').update(text).digest('hex');
    return found.includes(`${hash} root 755 ${path}`);
  });
  return right && valuesOf(facts, 'prepared').length > 0
    ? { name: 'prepared', status: 'ok', detail: 'The programs that sshd calls are there, as they should be.' }
    : {
        name: 'prepared',
        status: 'fail',
        detail: 'The programs that sshd calls are missing or not ours.',
        fix,
      };
}

function configurationItem(facts: Answer, fix: string): CheckItem {
  const has = new Set(valuesOf(facts, 'sshd'));
  const missing = WANTED_OPTIONS.filter(
    ([name, line]) => !has.has(`${name} ${line.slice(line.indexOf(' ') + 1)}`),
  ).map(([, line]) => line);
  const streams = valuesOf(facts, 'grants_sshd').includes('allowstreamlocalforwarding no');
  if (missing.length === 0 && streams)
    return { name: 'sshd', status: 'ok', detail: 'sshd asks for the grant of each certificate.' };
  const what = [...missing, ...(streams ? [] : ['Match User sp_* / AllowStreamLocalForwarding no'])];
  return { name: 'sshd', status: 'fail', detail: `sshd does not have: ${what.join('; ')}`, fix };
}

function authoritiesItem(facts: Answer, installation: string, wanted: string[], fix: string): CheckItem {
  const lines = valuesOf(facts, 'authority');
  const ours = lines.filter((line) => line.endsWith(` sallyport:${installation}`));
  const trusted = (line: string) => ours.includes(`${line} sallyport:${installation}`);
  const missing = wanted.filter((line) => !trusted(line)).length;
  const others = lines.length - ours.length;
  if (missing > 0)
    return {
      name: 'authority',
      status: 'warn',
      detail: 'The host does not trust our newest authority yet; the next grant there tells it.',
      fix,
    };
  if (ours.length > wanted.length)
    return {
      name: 'authority',
      status: 'warn',
      detail: 'The host still trusts an authority that signs no more; the next grant there removes it.',
      fix,
    };
  const beside = others === 0 ? '' : ` Beside it, ${others} of others.`;
  return { name: 'authority', status: 'ok', detail: `The host trusts our authority.${beside}` };
}

function clockItem(facts: Answer, beforeMs: number): CheckItem {
  const now = Number(valuesOf(facts, 'now')[0]) * 1_000;
  const skew = Math.round(Math.max(beforeMs - 1_000 - now, now - Date.now(), 0) / 1_000);
  return skew <= MOST_SKEW_SECONDS
    ? { name: 'clock', status: 'ok', detail: 'Its clock agrees with ours.' }
    : {
        name: 'clock',
        status: 'warn',
        detail: `Its clock is ${skew} s from ours: ends and certificates are off by that much.`,
        fix: 'timedatectl set-ntp true',
      };
}

function taskItems(facts: Answer, tasks: Entitlement[]): CheckItem[] {
  const [accounts, groups] = [new Set(valuesOf(facts, 'account')), new Set(valuesOf(facts, 'group'))];
  const noAccounts = tasks.flatMap(({ user }) => (user === undefined || accounts.has(user) ? [] : [user]));
  const noGroups = tasks.flatMap((task) => task.groups).filter((group) => !groups.has(group));
  const sudo = tasks.some((task) => task.sudo !== undefined);
  const lacksSudo = valuesOf(facts, 'lacks').includes('visudo') || valuesOf(facts, 'sudoers').length === 0;
  const items: CheckItem[] = [];
  const fail = (detail: string, fix: string) => items.push({ name: 'tasks', status: 'fail', detail, fix });
  if (noAccounts.length > 0)
    fail(
      `Tasks log in as ${[...new Set(noAccounts)].join(', ')}, which the host does not have.`,
      [...new Set(noAccounts)].map((name) => `useradd -m -s /bin/sh ${name}`).join('\n'),
    );
  if (noGroups.length > 0)
    fail(
      `Tasks name groups that the host does not have: ${[...new Set(noGroups)].join(', ')}.`,
      [...new Set(noGroups)].map((name) => `groupadd ${name}`).join('\n'),
    );
  if (sudo && lacksSudo)
    fail(
      'Tasks use sudo, and the host has none that reads /etc/sudoers.d.',
      'apt-get install sudo && grep -q "^@includedir /etc/sudoers.d" /etc/sudoers || echo "@includedir /etc/sudoers.d" >>/etc/sudoers',
    );
  const shared = [...new Set(tasks.flatMap(({ user }) => user ?? []))];
  if (shared.length > 0)
    items.push({
      name: 'shared accounts',
      status: 'warn',
      detail: `Tasks share ${shared.join(', ')}: what a grant starts there and hides may outlive it. An account for each grant (perGrant) does not have this.`,
    });
  return items;
}

/** `Connector.inventory`: accounts that can log in without a grant, and what sudo lets them do. */
export async function inventory(client: HostClient, signal: AbortSignal): Promise<StandingAccess[]> {
  const answer = await runOnHost(client, 'standing', [], signal);
  const found: StandingAccess[] = [];
  for (const [key, value] of answer) {
    const last = found.at(-1);
    if (key === 'account') {
      const [uid = '', keys = '0', secret = '', ...name] = value.split(' ');
      found.push(accountOf(client, name.join(' '), Number(uid), Number(keys), secret === 'yes'));
    } else if (key === 'group') last?.rights.push(`member of ${value}`);
    else if (key === 'sudo' && last !== undefined) {
      last.rights.push(`sudo: ${value}`);
      if (/^\((ALL|root)[ :)].* ALL$/.test(value)) last.superuser = true;
    }
  }
  return found.filter((one) => one.canLogin || one.rights.length > 0);
}

function accountOf(
  client: HostClient,
  name: string,
  uid: number,
  keys: number,
  password: boolean,
): StandingAccess {
  const ours = name === client.access.admin.user;
  return {
    principal: name,
    canLogin: keys > 0 || password,
    superuser: uid === 0,
    rights: [
      ...(uid === 0 ? ['everything: it is root'] : []),
      ...(keys > 0 ? [`log in with ${keys === 1 ? 'a key' : `${keys} keys`}`] : []),
      ...(password ? ['log in with a password, where sshd takes passwords'] : []),
    ],
    through: [],
    lastUsedAt: null,
    explainedBy: ours && keys === 1 && !password ? 'Sallyport itself works with this login.' : null,
  };
}
