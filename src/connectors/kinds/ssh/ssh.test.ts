// The conformance suite on a real sshd: with an account for each grant, and on an account that grants share.

import { describe } from 'node:test';
import { skipWithoutHost, startHost } from '../../../../test/harness/host.ts';
import { holdShell, identityFor } from '../../../../test/harness/host-login.ts';
import { dialDirect } from '../../../targets/dial.ts';
import { type ConformanceTarget, conformance } from '../../conformance.ts';
import { type Entitlement, entitlement } from './entitlement.ts';
import type { TargetSettings } from './settings.ts';
import { ssh } from './ssh.ts';

async function start(task: {
  user?: string;
  perGrant?: boolean;
}): Promise<ConformanceTarget<TargetSettings, Entitlement>> {
  const host = await startHost();
  const settings = { host: '127.0.0.1', port: host.port, hostKeys: [host.hostKey] };
  return {
    access: {
      id: 'tgt_test',
      name: 'host',
      settings,
      admin: host.admin,
      mark: { installation: host.installation, epoch: 3 },
      dial: dialDirect,
      authorities: async () => [host.authorityLine],
    },
    entitlement: entitlement.parse({ ...task, shell: true }),
    nowhere: { ...settings, port: 1 },
    logIn: (login) => holdShell(identityFor(host, login), task.user ?? login),
    stop: () => host.stop(),
  };
}

describe('hosts', { skip: skipWithoutHost() }, () => {
  conformance('a host, an account for each grant', ssh, () => start({ perGrant: true }));
  conformance('a host, a shared account', ssh, () => start({ user: 'deploy' }));
});
