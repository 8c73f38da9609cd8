// What a session on a host is made of, where one on a database has statements.

import type { Session, Statement } from '../../src/api/sessions.ts';
import { counted } from './counts.ts';

export const isOnHost = ({ targetKind }: Pick<Session, 'targetKind'>): boolean => targetKind === 'ssh';

export const hasTerminal = ({ protocol, verdict }: Statement): boolean =>
  verdict === 'passed' && (protocol === 'shell' || protocol === 'exec');

/** `3 commands, 2 files, 1 connection`; what is none is left out, unless all are. */
export function hostCounts(session: Pick<Session, 'commands' | 'files' | 'connections'>): string {
  const { commands, files, connections } = session;
  const said = [
    ...(files === 0 ? [] : [counted(files, 'file')]),
    ...(connections === 0 ? [] : [counted(connections, 'connection')]),
  ];
  return commands === 0 && said.length > 0
    ? said.join(', ')
    : [counted(commands, 'command'), ...said].join(', ');
}

/** With those that run, which are not counted before they end. */
export function withRunning<S extends Pick<Session, 'commands' | 'files' | 'connections'>>(
  session: S,
  entries: readonly Statement[],
): S {
  const running = groupEntries(entries.filter((one) => one.durationMs === null && one.verdict === 'passed'));
  return {
    ...session,
    commands: session.commands + running.commands.length,
    files: session.files + running.files.filter((one) => fileOf(one)?.moved === true).length,
    connections: session.connections + running.connections.length,
  };
}

export interface HostEntries {
  /** Shells and programs. */
  commands: Statement[];
  /** What was done with files over SFTP; opening SFTP itself is in none. */
  files: Statement[];
  /** Forwarded ports, and what would have forwarded an agent or a screen. */
  connections: Statement[];
}

export function groupEntries(entries: readonly Statement[]): HostEntries {
  const of = (...protocols: Statement['protocol'][]) =>
    entries.filter((one) => protocols.includes(one.protocol));
  return {
    commands: of('shell', 'exec'),
    files: of('sftp').filter((one) => one.text !== 'sftp' || one.verdict === 'refused' || one.error !== null),
    connections: of('forward'),
  };
}

const WAYS: Record<string, string> = {
  get: 'From the host',
  put: 'To the host',
  list: 'Listed',
  remove: 'Removed',
  mkdir: 'Folder made',
  rmdir: 'Folder removed',
  setstat: 'Attributes set',
  rename: 'Renamed',
  symlink: 'Link made',
  hardlink: 'Link made',
  'copy-data': 'Copied on the host',
};

/** What was done with which file, and whether its content was moved; null for what is not about one. */
export function fileOf(entry: Pick<Statement, 'text'>): { way: string; path: string; moved: boolean } | null {
  const [, verb = '', path = ''] = /^([a-z-]+) (.*)$/s.exec(entry.text) ?? [];
  const way = WAYS[verb];
  return way === undefined ? null : { way, path, moved: verb === 'get' || verb === 'put' };
}
