// `sally ssh`: from a wish to a shell on a host in one command, without the gateway. The key pair is made here and its
// private half goes nowhere; Sallyport signs a certificate that ends with the grant; then the real `ssh` runs, with the
// host's pinned key and nothing of the person's other keys.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type IssuedCertificate, issuedCertificate } from '../../api/hosts.ts';
import { newKeyPair, opensshPrivateKey, publicLine, type SshKeyPair } from '../../ssh/keys.ts';
import { USUAL_DURATION } from '../ask-access.ts';
import { findProgram, runChild } from '../child.ts';
import { type Api, path } from '../client.ts';
import { endGrant } from '../end-grant.ts';
import { usage } from '../exit-codes.ts';
import { type AccessOptions, heldAccess, newAccess, type Take } from '../find-access.ts';
import { collect } from '../node-address.ts';
import { writeNewPrivateFile } from '../private-file.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { left } from '../times.ts';

interface Options extends AccessOptions {
  done?: boolean;
  sftp?: boolean;
  forward: string[];
}

export function command(): Command {
  return leaf('ssh <host> [command...]', 'ask for access to a host, wait, and log in with a certificate', [
    'ssh web-1 --task restart-api --reason "the api hangs"',
    'ssh web-1 --task restart-api --for 15m --done -- systemctl status api',
    'ssh web-1 --task reach-db --forward 5432:db.internal:5432',
  ])
    .usage('<host> [options] [-- command...]')
    .option('--task <task>', 'what to be allowed to do (`sally task list`)')
    .option('--for <duration>', `how long: 45s, 30m, 2h, 1d (default: ${USUAL_DURATION})`)
    .option('--reason <text>', 'what it is for')
    .option('--ticket <id>', 'the ticket that it belongs to')
    .option('--timeout <duration>', 'stop waiting for access after this (exit code 5)')
    .option('--sftp', 'copy files in place of a shell')
    .option(
      '--forward <port:host:port>',
      'forward a port of this machine, where the task allows it; without a command, and nothing else',
      collect,
      [],
    )
    .option('--done', 'give the grant back when it ends')
    .action(async (target: string, words: string[], options: Options, self: Command) => {
      const run = startRun(self);
      const program = options.sftp === true ? 'sftp' : 'ssh';
      if (options.sftp === true && words.length + options.forward.length > 0)
        throw usage('--sftp takes no command and forwards nothing.', 'Leave out one of the two.');
      for (const one of options.forward)
        if (!/^\d{1,5}:[A-Za-z0-9.-]+:\d{1,5}$/.test(one))
          throw usage(
            `--forward ${one} is not port:host:port.`,
            'For example --forward 5432:db.internal:5432.',
          );
      const found = findProgram(program, run.environment.searchPath);
      if (found === null) throw usage(`There is no ${program} on this machine.`, 'Install OpenSSH’s client.');
      const api = await run.api();
      const pair = newKeyPair();
      const take: Take<IssuedCertificate> = (from, grant) =>
        from.post(path`/api/grants/${grant.id}/certificates`, issuedCertificate, {
          body: { publicKey: publicLine(pair.publicKey) },
        });
      const access =
        (await heldAccess(run, api, target, options.task, take)) ??
        (await newAccess(run, api, target, options, take));
      if (access === null) return;
      const { grant, issued } = access;
      const until = left(issued.validUntil, api.nowMs());
      run.out.say(`${grant.task} on ${grant.target} as ${issued.user}, ${until} left.`);
      try {
        const how = { program: found, sftp: program === 'sftp', words, forward: options.forward };
        process.exitCode = await logIn(pair, issued, how);
      } finally {
        await afterwards(run, api, grant.id, options.done === true);
      }
    });
}

async function logIn(
  pair: SshKeyPair,
  issued: IssuedCertificate,
  how: { program: string; sftp: boolean; words: string[]; forward: string[] },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sally-ssh-'));
  try {
    const file = (name: string, text: string) => {
      writeNewPrivateFile(join(folder, name), text);
      return join(folder, name);
    };
    const identity = file('key', opensshPrivateKey(pair, issued.keyId).reveal());
    const certificate = file('key-cert.pub', `${issued.certificate}\n`);
    const known = file('known_hosts', issued.hostKeys.map((key) => `${issued.target} ${key}\n`).join(''));
    const options = sshOptions(issued, { identity, certificate, known });
    const forwards = how.forward.flatMap((one) => ['-L', `127.0.0.1:${one}`]);
    const only = how.forward.length > 0 && how.words.length === 0 ? ['-N'] : [];
    const more = how.sftp ? [] : [...forwards, ...only];
    return await runChild(how.program, [...options, ...more, '--', issued.target, ...how.words], {
      SSH_AUTH_SOCK: null,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The person's own configuration still says how a host is reached (ProxyJump), and nothing about who it is and who one
 * is there: what stands here comes first, and ssh takes the first.
 */
function sshOptions(
  issued: IssuedCertificate,
  files: { identity: string; certificate: string; known: string },
): string[] {
  const named: Record<string, string> = {
    HostName: issued.host,
    Port: String(issued.port),
    User: issued.user,
    HostKeyAlias: issued.target,
    IdentityFile: files.identity,
    CertificateFile: files.certificate,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    UserKnownHostsFile: files.known,
    GlobalKnownHostsFile: '/dev/null',
    KnownHostsCommand: 'none',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ExitOnForwardFailure: 'yes',
  };
  return Object.entries(named).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function afterwards(run: Run, api: Api, grantId: string, giveBack: boolean): Promise<void> {
  if (!giveBack) {
    run.out.say(`Give it back: \`sally done ${grantId}\``);
    return;
  }
  // stdout belongs to the program's output.
  const quiet: Run = { ...run, out: { ...run.out, data: (_value, people) => run.out.say(String(people())) } };
  await endGrant(quiet, api, grantId, { act: 'done', wait: true });
}
