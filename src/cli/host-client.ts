// The real `ssh` for a session through the gateway: the gateway's key is the only one that is known, the secret goes to
// it through a program that only this run has, and nothing of the person's other keys or agent is offered.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IssuedCredential } from '../api/grants.ts';
import { Failure } from '../base/errors.ts';
import { findProgram, runChild } from './child.ts';
import { usage } from './exit-codes.ts';
import { writeNewPrivateFile } from './private-file.ts';
import type { Run } from './run.ts';

const OWNER_RUNS = 0o700;
/** A variable and not an argument: other users of the machine read arguments. */
const SECRET_VARIABLE = 'SALLY_SSH_SECRET';
const ASKPASS = `#!/bin/sh\nprintf '%s\\n' "$${SECRET_VARIABLE}"\n`;

export const isHostSession = (issued: IssuedCredential): boolean => issued.dsn.startsWith('ssh://');

/** `words`: a command for the host; without one a shell. The exit code. Errors: `bad-dsn`, usage. */
export async function runHostClient(
  run: Run,
  issued: IssuedCredential,
  target: string,
  words: string[],
): Promise<number> {
  const ssh = findProgram('ssh', run.environment.searchPath);
  if (ssh === null) throw usage('There is no ssh on this machine.', 'Install OpenSSH’s client.');
  if (!URL.canParse(issued.dsn) || issued.hostKey === undefined)
    throw new Failure('unavailable', 'bad-dsn', 'The server gave no address of an SSH gateway.');
  const { hostname, port, username, password } = new URL(issued.dsn);
  const folder = mkdtempSync(join(tmpdir(), 'sally-connect-'));
  try {
    const known = join(folder, 'known_hosts');
    writeNewPrivateFile(known, `sallyport-gateway ${issued.hostKey}\n`);
    const askpass = join(folder, 'askpass');
    writeFileSync(askpass, ASKPASS, { mode: OWNER_RUNS, flag: 'wx' });
    const named: Record<string, string> = {
      HostName: hostname.replace(/^\[|\]$/g, ''),
      Port: port,
      User: decodeURIComponent(username),
      HostKeyAlias: 'sallyport-gateway',
      UserKnownHostsFile: known,
      GlobalKnownHostsFile: '/dev/null',
      KnownHostsCommand: 'none',
      StrictHostKeyChecking: 'yes',
      UpdateHostKeys: 'no',
      VerifyHostKeyDNS: 'no',
      PreferredAuthentications: 'password',
      PubkeyAuthentication: 'no',
      NumberOfPasswordPrompts: '1',
      IdentityAgent: 'none',
      ForwardAgent: 'no',
      ForwardX11: 'no',
      ControlMaster: 'no',
      ControlPath: 'none',
    };
    const options = Object.entries(named).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return await runChild(ssh, [...options, '--', target, ...words], {
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: 'force',
      SSH_AUTH_SOCK: null,
      [SECRET_VARIABLE]: decodeURIComponent(password),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
