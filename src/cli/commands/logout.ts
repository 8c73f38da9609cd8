// `sally logout`: forgets this machine's login. The token itself stays valid until it expires or is revoked, unless
// `--revoke` ends it: for the last step of a pipeline.

import type { Command } from 'commander';
import { z } from 'zod';
import { createApi } from '../client.ts';
import { leaf, startRun } from '../run.ts';
import { chooseServer, refusePlainHttp } from '../server.ts';
import { forgetLogin, storedLogin } from '../stored-login.ts';

export function command(): Command {
  return leaf('logout', 'forget the login', [
    'logout',
    'logout --server https://sally.example',
    'logout --revoke',
  ])
    .option('--revoke', 'end the token itself too')
    .action(async (options: { revoke?: boolean }, self: Command) => {
      const run = startRun(self);
      const server = chooseServer(run.environment, run.common);
      const login = storedLogin(run.environment, server);
      if (options.revoke === true && login !== null) {
        refusePlainHttp(run.environment, server);
        await createApi(server, login.token, run.interrupt).post('/api/sign-out', z.null(), {});
      }
      const forgotten = forgetLogin(run.environment, server);
      const revoked = forgotten && options.revoke === true;
      run.out.data({ server, forgotten, revoked }, () =>
        forgotten
          ? `${revoked ? 'Revoked and forgot' : 'Forgot'} the login to ${server}.`
          : `There was no login to ${server}.`,
      );
    });
}
