// `sally login`: keeps a token for one server on this machine (mode 0600), after the server has accepted it. It comes
// by the browser, by a code that is entered in the portal, by a prompt, stdin, SALLY_TOKEN or the demo's file: never
// from a flag, where others could read it.

import type { Command } from 'commander';
import { me } from '../../api/people.ts';
import { exchanged, JWT_TYPE, TOKEN_EXCHANGE } from '../../api/workload.ts';
import { Secret } from '../../base/secret.ts';
import { loginByBrowser } from '../browser-login.ts';
import { createApi } from '../client.ts';
import { demoPerson, findDemo } from '../demo-people.ts';
import { loginByCode } from '../device-login.ts';
import { usage } from '../exit-codes.ts';
import { findJobToken } from '../job-token.ts';
import { canOpenBrowser } from '../open-browser.ts';
import { printable } from '../printable.ts';
import { askChoice, askSecret } from '../prompts.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { chooseIdentity, chooseServer, isLoopback, refusePlainHttp } from '../server.ts';
import { readSecretFromStdin } from '../stdin.ts';
import { loginFilePath, storeLogin } from '../stored-login.ts';

interface Options {
  browser?: boolean;
  device?: boolean;
  paste?: boolean;
  workload?: boolean;
  audience?: string;
  tokenFile?: string;
}

export function command(): Command {
  return leaf('login', 'log in to a server on this machine', [
    'login --server https://sally.example',
    'login --device',
    'login --as engineer',
    'login < token-file',
    'login --workload --server https://sally.example',
  ])
    .option('--browser', 'by the browser on this machine (the default at a terminal with one)')
    .option('--device', 'by a code that you enter in the portal, on any device')
    .option('--paste', 'paste a token at a prompt')
    .option('--workload', "exchange the job's own token (GitHub, GitLab, Kubernetes) for a short one")
    .option('--audience <text>', "with --workload on GitHub: the audience to ask for; the server's address")
    .option('--token-file <file>', "with --workload: the file that holds the job's token")
    .action(async (options: Options, self: Command) => {
      const run = startRun(self);
      const origin = chooseServer(run.environment, run.common);
      refusePlainHttp(run.environment, origin);
      const token =
        options.workload === true
          ? await exchange(run, origin, options)
          : await findToken(run, origin, options);
      const told = await createApi(origin, token, run.interrupt).get('/api/me', me);
      storeLogin(run.environment, origin, { token, name: told.name });
      run.out.data({ server: origin, name: told.name, displayName: told.displayName }, () => [
        `Logged in to ${origin} as ${printable(told.displayName)} (${told.name}).`,
      ]);
      run.out.say(`Kept in ${loginFilePath(run.environment)}; \`sally logout\` forgets it.`);
    });
}

async function exchange(run: Run, origin: string, options: Options): Promise<Secret> {
  const token = await findJobToken({ tokenFile: options.tokenFile, audience: options.audience ?? origin });
  const answer = await createApi(origin, null, run.interrupt).post('/api/workload/token', exchanged, {
    body: { grant_type: TOKEN_EXCHANGE, subject_token_type: JWT_TYPE, subject_token: token.reveal() },
  });
  return new Secret(answer.access_token);
}

async function findToken(run: Run, origin: string, options: Options): Promise<Secret> {
  if (options.device === true) return loginByCode(run, origin);
  if (options.browser === true) return loginByBrowser(run, origin);
  if (run.common.as !== undefined) return chooseIdentity(run.environment, run.common).token;
  if (run.environment.token !== null) return run.environment.token;
  if (process.stdin.isTTY !== true) {
    const text = await readSecretFromStdin();
    if (text !== null) return text;
  }
  if (!run.interactive) {
    throw usage(
      'No token was given.',
      'Pipe it in (`sally login < file`), set SALLY_TOKEN, or use --device, which needs no answer here.',
    );
  }
  if (options.paste === true) return new Secret(await askSecret(`Token for ${origin}`));
  const demo = isLoopback(origin) ? findDemo(run.environment) : null;
  if (demo === null || demo.server !== origin) {
    return canOpenBrowser(run.environment) ? loginByBrowser(run, origin) : loginByCode(run, origin);
  }
  const person = await askChoice(
    'Who are you in the demo?',
    [...demo.people.keys()].map((name) => ({ value: name, label: name })),
  );
  return demoPerson(run.environment, person).token;
}
