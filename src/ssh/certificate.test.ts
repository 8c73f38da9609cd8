// Keys and certificates as OpenSSH's own `ssh-keygen` reads them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { skipWithout } from '../../test/harness/services.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { signUserCertificate } from './certificate.ts';
import {
  fingerprint,
  keyPairOfSecret,
  newKeyPair,
  opensshPrivateKey,
  parsePublicLine,
  publicLine,
} from './keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-certificate-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const keygen = (...args: string[]) => execFileSync('ssh-keygen', args, { encoding: 'utf8' });

describe('SSH keys and certificates', { skip: skipWithout('sshKeygen') }, () => {
  it('writes private keys that ssh-keygen reads, with the same public key', () => {
    const pair = newKeyPair();
    const path = file('key', opensshPrivateKey(pair, 'a comment').reveal());
    assert.equal(keygen('-y', '-f', path).trim(), publicLine(pair.publicKey, 'a comment'));
    const shown = keygen('-l', '-f', file('key.pub', publicLine(pair.publicKey)));
    assert.ok(shown.includes(fingerprint(pair.publicKey)));
  });

  it('derives the same pair from the same secret, and another from another', () => {
    const of = (text: string) => publicLine(keyPairOfSecret(new Secret(text)).publicKey);
    assert.equal(of('one'), of('one'));
    assert.notEqual(of('one'), of('two'));
  });

  it('signs certificates that say what was asked, for each type of key', () => {
    const authority = newKeyPair();
    for (const type of ['ed25519', 'ecdsa']) {
      const path = join(folder, `client-${type}`);
      keygen('-q', '-t', type, ...(type === 'ecdsa' ? ['-b', '256'] : []), '-N', '', '-f', path);
      const line = execFileSync('cat', [`${path}.pub`], { encoding: 'utf8' });
      const certificate = signUserCertificate(authority, parsePublicLine(line, 'publicKey'), {
        serial: 4_294_967_299n,
        keyId: 'sp_one',
        principals: ['sp_one', 'sp_two'],
        validAfter: Date.UTC(2026, 0, 1) / 1000,
        validBefore: Date.UTC(2026, 0, 2) / 1000,
        sourceAddress: '192.0.2.7',
        forceCommand: 'printf \'%s\' "a b"',
        extensions: ['permit-pty'],
      });
      const shown = keygen('-L', '-f', file(`${type}-cert.pub`, certificate)).replace(/\s+/g, ' ');
      const key = fingerprint(authority.publicKey);
      for (const expected of [
        'user certificate',
        `Signing CA: ED25519 ${key} (using ssh-ed25519)`,
        'Key ID: "sp_one"',
        'Serial: 4294967299',
        'Principals: sp_one sp_two',
        'source-address 192.0.2.7',
        'force-command printf \'%s\' "a b"',
        'Extensions: permit-pty',
      ])
        assert.ok(shown.includes(expected), `${expected} is not in ${shown}`);
      assert.equal(shown.includes('permit-agent-forwarding'), false);
    }
  });

  it('takes no certificate for everybody, and no line that is not a plain key', () => {
    const authority = newKeyPair();
    const key = newKeyPair().publicKey;
    const terms = { serial: 1n, keyId: 'x', principals: [], validAfter: 0, validBefore: 1, extensions: [] };
    assert.throws(() => signUserCertificate(authority, key, terms), /at least one principal/);
    const blob = key.blob.toString('base64');
    const hostile = [
      '',
      'ssh-ed25519',
      `ssh-rsa ${blob}`,
      `ecdsa-sha2-nistp256 ${blob}`,
      `ssh-ed25519 ${blob.slice(0, 20)}`,
      `ssh-ed25519 ${Buffer.concat([key.blob, Buffer.of(0)]).toString('base64')}`,
      `ssh-ed25519-cert-v01@openssh.com ${blob}`,
      `command="id" ssh-ed25519 ${blob}`,
    ];
    for (const line of hostile)
      assert.throws(
        () => parsePublicLine(line, 'publicKey'),
        (error) => error instanceof Failure && error.code === 'invalid-input' && error.field === 'publicKey',
        line,
      );
  });
});
