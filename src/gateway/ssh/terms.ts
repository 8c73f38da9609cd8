// What a session's task lets it do on the host, asked before anything goes there. The host holds the certificate to the
// same; this is where people are told why.

import type { HostTicket } from '../../grants/session-ticket.ts';

type Allows = HostTicket['allows'];

/** null: allowed; otherwise why not, for the person. */
export function refusalOfShell(allows: Allows): string | null {
  if (allows.shell) return null;
  if (allows.commands.length === 0) return 'This task allows no shell.';
  return `This task allows no shell, only: ${allows.commands.join(' | ')}`;
}

/** Word by word: what differs in anything is another command. */
export function refusalOfCommand(allows: Allows, command: string): string | null {
  if (allows.shell || allows.commands.includes(command)) return null;
  if (allows.commands.length === 0) return 'This task allows no commands.';
  return `This task does not allow this command, only: ${allows.commands.join(' | ')}`;
}

export function refusalOfSubsystem(allows: Allows, name: string): string | null {
  if (name !== 'sftp') return 'This gateway knows no other subsystem than sftp.';
  return allows.sftp || allows.shell ? null : 'This task allows no copying of files.';
}

export function refusalOfForward(allows: Allows, host: string, port: number): string | null {
  const wanted = host.toLowerCase();
  const listed = allows.forward.some((one) => one.host.toLowerCase() === wanted && one.port === port);
  return listed ? null : 'This task does not allow connections to there.';
}

/** Settings that a client may bring along: how it speaks and writes, and nothing that changes what a program does. */
export function isAllowedVariable(name: string, value: string): boolean {
  return (
    /^(LANG|LANGUAGE|LC_[A-Z]{1,20}|TZ|COLORTERM|NO_COLOR)$/.test(name) && /^[\w.@:/+,=-]{0,200}$/.test(value)
  );
}
