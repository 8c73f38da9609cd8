// The connector of hosts, and its folder's one door. A grant on a host is what its certificates may do there, kept in
// one file that sshd asks about at each login; for tasks that want it with an account of its own, and a rule for sudo.

import { defineConnector } from '../../contract.ts';
import { check, inventory } from './check.ts';
import { closeClient, createClient } from './client.ts';
import { entitlement, hostTermsOf, rightsOf } from './entitlement.ts';
import { CONFIGURATION_TEXT } from './host-programs.ts';
import { scanHostKeys } from './scan.ts';
import { targetSettings } from './settings.ts';
import {
  altered,
  grant,
  inspect,
  marked,
  nodes,
  readFence,
  renew,
  revoke,
  setAdminPassword,
  sweep,
  writeFence,
} from './verbs.ts';

export const ssh = defineConnector({
  kind: 'ssh',
  target: targetSettings,
  entitlement,
  capabilities: {
    endsSessions: true,
    nativeExpiry: true,
    revocableCredential: true,
    smallestDurationSeconds: 1,
    promise:
      'The host itself refuses certificates of a grant that is over; its sessions and what they started are ended within 5 s, on an account of the grant’s own whatever they did, on a shared account unless they hid it. sudo ends by itself at the expiry.',
  },
  endpoint: ({ host, port, hostKeys }) => ({ host, port, database: '', tls: 'off', hostKeys }),
  nodeNames: () => [],
  rights: rightsOf,
  session: (task) => ({
    database: null,
    guard: { allow: [], lists: null, requireWhere: false },
    host: hostTermsOf(task),
  }),
  connect: createClient,
  disconnect: closeClient,
  grant,
  revoke,
  inspect,
  renew,
  sweep,
  altered,
  nodes,
  marked,
  readFence,
  writeFence,
  setAdminPassword,
  inventory,
  check,
  enrolment: { scan: scanHostKeys, configuration: CONFIGURATION_TEXT },
});
