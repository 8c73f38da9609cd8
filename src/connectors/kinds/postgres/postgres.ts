// The PostgreSQL connector, and its folder's one door. A grant is a login role of its own, a member of its task's
// group role and of nothing else; the rules and the measured facts behind them are in docs and tests beside this.

import { defineConnector } from '../../contract.ts';
import { setAdminPassword } from './admin-password.ts';
import { altered } from './altered.ts';
import { maskCatalog } from './catalog.ts';
import { check } from './check.ts';
import { closeClient, createClient } from './client.ts';
import { entitlement, guardTermsOf, rightsOf } from './entitlement.ts';
import { readFence, writeFence } from './fence.ts';
import { grant } from './grant.ts';
import { inspect, marked, renew, strays, sweep } from './inspect.ts';
import { inventory } from './inventory.ts';
import { kitWay, lookAtKit, makeKit, removeKit } from './kit.ts';
import { nodes } from './node-health.ts';
import { revoke } from './revoke.ts';
import { nodeName, targetSettings } from './settings.ts';
import { suggestLabels } from './suggest-labels.ts';

export const postgres = defineConnector({
  kind: 'postgres',
  target: targetSettings,
  entitlement,
  capabilities: {
    endsSessions: true,
    nativeExpiry: true,
    revocableCredential: true,
    smallestDurationSeconds: 1,
    promise:
      'Ends its sessions and its login within 5 s of revocation, on the primary and on every standby that is named; PostgreSQL itself lets nobody in after the expiry.',
  },
  endpoint: ({ host, port, database, tls, ca }) => ({
    host,
    port,
    database,
    tls,
    ...(ca === undefined ? {} : { ca }),
  }),
  nodeNames: ({ nodes: standbys = [] }) => standbys.map(nodeName),
  rights: rightsOf,
  session: (task) => ({ database: task.database ?? null, guard: guardTermsOf(task) }),
  connect: createClient,
  disconnect: closeClient,
  grant,
  revoke,
  inspect,
  renew,
  strays,
  sweep,
  altered,
  nodes,
  marked,
  readFence,
  setAdminPassword,
  writeFence,
  inventory,
  maskCatalog,
  suggestLabels,
  check,
  kit: { way: kitWay, make: makeKit, look: lookAtKit, remove: removeKit },
});
