// `sally host`: what a host has to be told, for those who prepare hosts by their own means.

import type { Command } from 'commander';
import { hostAuthority } from '../../api/hosts.ts';
import { group, leaf, startRun } from '../run.ts';

export function command(): Command {
  return group('host', 'show the authority that hosts trust', [authorityCommand()]);
}

function authorityCommand(): Command {
  return leaf('ca', 'show the public key of the authority, and the lines for sshd_config', [
    'host ca',
    'host ca --json',
  ]).action(async (_options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const known = await api.get('/api/host-authority', hostAuthority);
    run.out.data(known, () => [
      '# /etc/ssh/sallyport/authorities.pub',
      ...known.publicKeys,
      '',
      '# /etc/ssh/sshd_config.d/10-sallyport.conf',
      ...known.configuration.trimEnd().split('\n'),
      '',
      '# The programs that it names, and the rest: `sally target add <name> --kind ssh …` and',
      '# `sally target check <name>` print all of it, ready to paste.',
    ]);
  });
}
