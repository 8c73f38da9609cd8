// The keys of a host that is being added: asked for through the server, and pinned once a person has compared them
// with what the host itself says, or has named their fingerprints beforehand. Never just believed.

import { randomBytes } from 'node:crypto';
import { hostKeys } from '../api/hosts.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { Api } from './client.ts';
import { usage } from './exit-codes.ts';
import { askYesNo } from './prompts.ts';
import type { Run } from './run.ts';

const SECRET_BYTES = 32;

export const newHostSecret = (): Secret => new Secret(randomBytes(SECRET_BYTES).toString('base64url'));

/** `type base64` of each. Errors: `host-key-differs` when a named one is not shown; usage without a person. */
export async function confirmedHostKeys(
  run: Run,
  api: Api,
  at: { host: string; port: number },
  expected: string[],
): Promise<string[]> {
  const { items } = await api.post('/api/host-keys', hostKeys, { body: at });
  const shown = items.map((item) => `  ${item.fingerprint} (${item.key.split(' ', 1)[0]})`);
  if (expected.length > 0) {
    const found = items.filter((item) => expected.includes(item.fingerprint));
    if (found.length === expected.length) return found.map((item) => item.key);
    throw new Failure(
      'conflict',
      'host-key-differs',
      `${at.host}:${at.port} does not show the key that you named.`,
      {
        hint: `It shows ${items.map((item) => item.fingerprint).join(', ')}. Ask whoever runs it.`,
      },
    );
  }
  run.out.say(`${at.host}:${at.port} shows these keys:`);
  for (const line of shown) run.out.say(line);
  run.out.say('On the host itself: for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -l -f $key; done');
  if (!run.interactive)
    throw usage('Nobody has compared its keys.', 'Add --host-key SHA256:… with what the host itself says.');
  if (!(await askYesNo('Are these what the host itself says?', false)))
    throw new Failure('conflict', 'host-key-differs', 'The host was not added.', {
      hint: 'Ask whoever runs it for the fingerprints of its keys.',
    });
  return items.map((item) => item.key);
}
