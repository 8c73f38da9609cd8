// The token that a pipeline's platform gives its job: from a file (Kubernetes), a variable (GitLab's id_tokens), or
// asked of GitHub. It is exchanged at once and never kept.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { readVariable } from './environment.ts';
import { usage } from './exit-codes.ts';
import { isLoopback } from './server.ts';

const ID_TOKEN = 'SALLY_ID_TOKEN';
const GITHUB_URL = 'ACTIONS_ID_TOKEN_REQUEST_URL';
const GITHUB_TOKEN = 'ACTIONS_ID_TOKEN_REQUEST_TOKEN';
const FETCH_TIMEOUT_MS = 10_000;
const LONGEST_TOKEN = 16 * 1024;

const githubAnswer = z.object({ value: z.string().min(1).max(LONGEST_TOKEN) });

export interface JobTokenChoice {
  tokenFile?: string | undefined;
  /** What GitHub is to write into the token. */
  audience: string;
}

/** Errors: usage where there is none; `job-token` where it cannot be read or had. */
export async function findJobToken(choice: JobTokenChoice): Promise<Secret> {
  if (choice.tokenFile !== undefined) return new Secret(readTokenFile(choice.tokenFile));
  const given = readVariable(ID_TOKEN);
  if (given !== null) return new Secret(given.trim());
  const [url, token] = [readVariable(GITHUB_URL), readVariable(GITHUB_TOKEN)];
  if (url !== null && token !== null) return askGitHub(url, new Secret(token), choice.audience);
  throw usage(
    'This job has no token of its own.',
    `Give --token-file or ${ID_TOKEN}; on GitHub the job needs \`permissions: id-token: write\`.`,
  );
}

function readTokenFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, LONGEST_TOKEN).trim();
  } catch (cause) {
    throw new Failure('invalid', 'job-token', `${path} cannot be read.`, { cause });
  }
}

async function askGitHub(address: string, token: Secret, audience: string): Promise<Secret> {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || (url.protocol !== 'https:' && !isLoopback(url.origin)))
    throw usage(`${GITHUB_URL} is no https address.`, 'It is set by the runner; leave it as it is.');
  url.searchParams.set('audience', audience);
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token.reveal()}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Secret(githubAnswer.parse(await response.json()).value);
  } catch (cause) {
    throw new Failure('unavailable', 'job-token', "GitHub does not give the job's token.", {
      hint: 'The job needs `permissions: id-token: write`.',
      cause,
    });
  }
}
