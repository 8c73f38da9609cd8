// The conformance suite on PostgreSQL 18 and 15, with an administrator that is no superuser, and with one that is.

import { describe } from 'node:test';
import { startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import type { Secret } from '../../../base/secret.ts';
import { type ConformanceTarget, conformance } from '../../conformance.ts';
import type { Entitlement } from './entitlement.ts';
import { postgres } from './postgres.ts';
import type { TargetSettings } from './settings.ts';

async function start(
  version: 15 | 18,
  admin: 'least' | 'superuser',
): Promise<ConformanceTarget<TargetSettings, Entitlement>> {
  const target = await startPostgresTarget(version, admin);
  return {
    access: target.access,
    entitlement: TASKS.read,
    nowhere: { ...target.access.settings, port: 1 },
    async logIn(login: string, password: Secret) {
      const client = await target.logIn(login, password);
      return {
        works: () =>
          client.query('SELECT count(*) FROM public.orders').then(
            () => true,
            () => false,
          ),
        close: () => client.end(),
      };
    },
    stop: () => target.stop(),
  };
}

conformance('PostgreSQL 18, least privilege', postgres, () => start(18, 'least'));
conformance('PostgreSQL 18, superuser', postgres, () => start(18, 'superuser'));
describe('PostgreSQL 15', { skip: skipWithout('postgres15') }, () => {
  conformance('PostgreSQL 15, least privilege', postgres, () => start(15, 'least'));
});
