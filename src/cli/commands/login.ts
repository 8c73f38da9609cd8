// `sally login`: keeps a token for one server on this machine (mode 0600), after the server has accepted it. The
// token comes from a prompt, stdin, SALLY_TOKEN or the demo's file: never from a flag, where others could read it.

import type { Command } from 'commander';
import { me } from '../../api/people.ts';
import { exchanged, JWT_TYPE, TOKEN_EXCHANGE } from '../../api/workload.ts';
import { Secret } from '../../base/secret.ts';
import { createApi } from '../client.ts';
import { demoPerson, findDemo } from '../demo-people.ts';
import { usage } from '../exit-codes.ts';
import { findJobToken } from '../job-token.ts';
import { printable } from '../printable.ts';
import { askChoice, askSecret } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { chooseIdentity, chooseServer, isLoopback, refusePlainHttp } from '../server.ts';
import { readSecretFromStdin } from '../stdin.ts';
import { loginFilePath, storeLogin } from '../stored-login.ts';

export function command(): Command {
  return leaf('login', 'log in to a server on this machine', [
    'login --server https://sally.example',
    'login --as engineer',
    'login < token-file',
    'login --workload --server https://sally.example',
  ])
    .option('--workload', "exchange the job's own token (GitHub, GitLab, Kubernetes) for a short one")
    .option('--audience <text>', "with --workload on GitHub: the audience to ask for; the server's address")
    .option('--token-file <file>', "with --workload: the file that holds the job's token")
    .action(async (options: LoginOptions, self: Command) => {
      const run = startRun(self);
      const origin = chooseServer(run.environment, run.common);
      refusePlainHttp(run.environment, origin);
      const token =
        options.workload === true ? await exchange(run, origin, options) : await findToken(run, origin);
      const told = await createApi(origin, token, run.interrupt).get('/api/me', me);
      storeLogin(run.environment, origin, { token, name: told.name });
      run.out.data({ server: origin, name: told.name, displayName: told.displayName }, () => [
        `Logged in to ${origin} as ${printable(told.displayName)} (${told.name}).`,
      ]);
      run.out.say(`Kept in ${loginFilePath(run.environment)}; \`sally logout\` forgets it.`);
    });
}

interface LoginOptions {
  workload?: boolean;
  audience?: string;
  tokenFile?: string;
}

async function exchange(run: Run, origin: string, options: LoginOptions): Promise<Secret> {
  const token = await findJobToken({ tokenFile: options.tokenFile, audience: options.audience ?? origin });
  const answer = await createApi(origin, null, run.interrupt).post('/api/workload/token', exchanged, {
    body: { grant_type: TOKEN_EXCHANGE, subject_token_type: JWT_TYPE, subject_token: token.reveal() },
  });
  return new Secret(answer.access_token);
}

async function findToken(run: Run, origin: string): Promise<Secret> {
  if (run.common.as !== undefined) return chooseIdentity(run.environment, run.common).token;
  if (run.environment.token !== null) return run.environment.token;
  if (process.stdin.isTTY !== true) {
    const text = await readSecretFromStdin();
    if (text !== null) return text;
  }
  if (!run.interactive)
    throw usage('No token was given.', 'Pipe it in (`sally login < file`), or set SALLY_TOKEN.');
  const demo = isLoopback(origin) ? findDemo(run.environment) : null;
  if (demo === null || demo.server !== origin) return new Secret(await askSecret(`Token for ${origin}`));
  const person = await askChoice(
    'Who are you in the demo?',
    [...demo.people.keys()].map((name) => ({ value: name, label: name })),
  );
  return demoPerson(run.environment, person).token;
}
