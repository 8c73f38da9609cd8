// An OpenSSH user certificate (PROTOCOL.certkeys): who may log in, until when, from where and for what, signed by the
// installation's authority. Written here, byte by byte: the library that could do it gives no way to name the key id
// and the options, and those are what this is for.

import { randomBytes } from 'node:crypto';
import type { SshKeyPair, SshPublicKey } from './keys.ts';
import { ED25519, signWith } from './keys.ts';
import { sshString, uint32, uint64 } from './wire.ts';

const USER_CERTIFICATE = 1;
const NONCE_BYTES = 32;

/** What a certificate may be used for; without any of them it opens nothing but a plain command. */
export type CertificateExtension = 'permit-pty' | 'permit-port-forwarding';

export interface CertificateTerms {
  serial: bigint;
  /** What the host's log and its list of revoked keys know it by. */
  keyId: string;
  principals: string[];
  /** Unix seconds. */
  validAfter: number;
  validBefore: number;
  /** Only from this address. */
  sourceAddress?: string;
  /** Runs this, whatever is asked for. */
  forceCommand?: string;
  extensions: CertificateExtension[];
}

/** One line, as in a `-cert.pub` file. An empty list of principals would mean everybody, so that is refused. */
export function signUserCertificate(
  authority: SshKeyPair,
  key: SshPublicKey,
  terms: CertificateTerms,
): string {
  if (terms.principals.length === 0) throw new Error('A certificate names at least one principal.');
  const type = certificateType(key.type);
  const critical = options([
    ['force-command', terms.forceCommand],
    ['source-address', terms.sourceAddress],
  ]);
  const extensions = [...terms.extensions]
    .sort()
    .map((name) => Buffer.concat([sshString(name), sshString('')]));
  const signed = Buffer.concat([
    sshString(type),
    sshString(randomBytes(NONCE_BYTES)),
    // The key's own parts, in the order of its blob, without the type.
    key.blob.subarray(4 + key.type.length),
    uint64(terms.serial),
    uint32(USER_CERTIFICATE),
    sshString(terms.keyId),
    sshString(Buffer.concat(terms.principals.map((one) => sshString(one)))),
    uint64(BigInt(terms.validAfter)),
    uint64(BigInt(terms.validBefore)),
    sshString(critical),
    sshString(Buffer.concat(extensions)),
    sshString(''),
    sshString(authority.publicKey.blob),
  ]);
  const signature = Buffer.concat([sshString(ED25519), sshString(signWith(authority, signed))]);
  return `${type} ${Buffer.concat([signed, sshString(signature)]).toString('base64')}`;
}

/** Critical options stand in the order of their names, each value a string within a string. */
function options(all: [name: string, value: string | undefined][]): Buffer {
  return Buffer.concat(
    all.flatMap(([name, value]) =>
      value === undefined ? [] : [sshString(name), sshString(sshString(value))],
    ),
  );
}

/** `ssh-ed25519` → `ssh-ed25519-cert-v01@openssh.com`; `sk-…@openssh.com` → `sk-…-cert-v01@openssh.com`. */
function certificateType(type: string): string {
  return `${type.replace(/@openssh\.com$/, '')}-cert-v01@openssh.com`;
}
