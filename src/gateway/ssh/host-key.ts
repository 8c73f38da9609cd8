// The gateway's own host key, by which clients know it: made at the first start and kept in the data folder (0600), or
// a file that the configuration names, which several gateways can share.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { codeOf, Failure } from '../../base/errors.ts';
import { newKeyPair, opensshPrivateKey } from '../../ssh/keys.ts';

export interface HostKey {
  /** PEM. */
  privateKey: string;
  /** `type base64`, for a client's known hosts. */
  publicLine: string;
}

/** Errors: Failure `host-key-invalid`. */
export async function loadHostKey(dataFolder: string, named: string | null): Promise<HostKey> {
  const folder = join(dataFolder, 'gateway');
  const path = named ?? join(folder, 'ssh-host.key');
  const text = await readFile(path, 'utf8').catch(async (cause: unknown) => {
    if (named !== null || codeOf(cause) !== 'ENOENT') throw unusable(path, cause);
    const made = opensshPrivateKey(newKeyPair(), 'sallyport').reveal();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A crash in between leaves none, never half a one.
    await writeFile(`${path}.new`, made, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return made;
  });
  const parsed = ssh2.utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) throw unusable(path, key);
  return { privateKey: text, publicLine: `${key.type} ${key.getPublicSSH().toString('base64')}` };
}

function unusable(path: string, cause: unknown): Failure {
  return new Failure('invalid', 'host-key-invalid', `The SSH host key ${path} cannot be used.`, {
    hint: 'A private key without a passphrase is wanted there, as `ssh-keygen -t ed25519` writes it.',
    cause,
  });
}
