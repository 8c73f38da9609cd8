// `sally logout`: forgets this machine's login. The token itself stays valid until it expires or is revoked.

import type { Command } from 'commander';
import { leaf, startRun } from '../run.ts';
import { chooseServer } from '../server.ts';
import { forgetLogin } from '../stored-login.ts';

export function command(): Command {
  return leaf('logout', 'forget the login', ['logout', 'logout --server https://sally.example']).action(
    async (_options: object, self: Command) => {
      const run = startRun(self);
      const server = chooseServer(run.environment, run.common);
      const forgotten = forgetLogin(run.environment, server);
      run.out.data({ server, forgotten }, () =>
        forgotten ? `Forgot the login to ${server}.` : `There was no login to ${server}.`,
      );
    },
  );
}
