// `sally credentials`: one more secret for an active grant. The secret is the data, so it goes to stdout once.

import type { Command } from 'commander';
import { issuedCredential } from '../../api/grants.ts';
import { path } from '../client.ts';
import { sayExpired } from '../ended-grant.ts';
import { leaf, startRun } from '../run.ts';
import { left } from '../times.ts';

export function command(): Command {
  return leaf('credentials <grant-id>', 'issue a secret for an active grant', [
    'credentials grt_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'credentials grt_01jd2q0v6w8x9y0z1a2b3c4d5e --json | jq -r .dsn',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const issued = await api
      .post(path`/api/grants/${id}/credentials`, issuedCredential)
      .catch(async (error: unknown) => {
        throw await sayExpired(api, id, error);
      });
    run.out.data(issued, () => issued.dsn);
    run.out.say(
      `Works for ${left(issued.expiresAt, api.nowMs())}, through the gateway, for this grant only. It is not shown again.`,
    );
  });
}
