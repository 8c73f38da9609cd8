// The gateway's own certificate, made at the first start and kept in the data folder (key 0600): clients can pin it
// (sslrootcert), and with sslmode=require nothing has to be set up. Somebody's own certificate takes its place by
// replacing both files.

import { webcrypto, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Failure } from '../base/errors.ts';

const LIFETIME_DAYS = 3_650;
const DAY_MS = 86_400_000;

export interface CertificateFiles {
  certificate: string;
  key: string;
}

/** What clients are shown, for the log; the key is in none of it. */
export interface ShownCertificate {
  /** Hex, as X.509 has it. */
  serial: string;
  subject: string;
  /** Of the whole certificate, hex. */
  sha256: string;
  validFrom: string;
  validUntil: string;
}

/**
 * The files that the configuration names, which several gateways can share; without them
 * `<data>/gateway/{certificate,key}.pem`, made where they are missing. Errors: Failure `certificate-invalid`.
 */
export async function loadCertificate(
  dataFolder: string,
  named: CertificateFiles | null = null,
): Promise<{ context: SecureContext; shown: ShownCertificate }> {
  const folder = join(dataFolder, 'gateway');
  const paths = named ?? { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  if (named === null && (!existsSync(paths.certificate) || !existsSync(paths.key)))
    await makeCertificate(folder, paths);
  try {
    const [cert, key] = await Promise.all([readFile(paths.certificate), readFile(paths.key)]);
    return { context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }), shown: shownFrom(cert) };
  } catch (cause) {
    throw new Failure(
      'invalid',
      'certificate-invalid',
      `The certificate ${paths.certificate} or its key ${paths.key} cannot be used.`,
      {
        hint:
          named === null
            ? 'Put a PEM certificate and its key there, or remove both files to have new ones made.'
            : 'postgresGateway.tls names a PEM certificate and its key.',
        cause,
      },
    );
  }
}

function shownFrom(pem: Buffer): ShownCertificate {
  const { serialNumber, subject, fingerprint256, validFromDate, validToDate } = new X509Certificate(pem);
  return {
    serial: serialNumber.toLowerCase(),
    subject,
    sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
    validFrom: validFromDate.toISOString(),
    validUntil: validToDate.toISOString(),
  };
}

async function makeCertificate(folder: string, paths: CertificateFiles): Promise<void> {
  // Needed once in the life of an installation, so not loaded at every start; the library wants the polyfill first.
  await import('reflect-metadata');
  const { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } =
    await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Sallyport gateway',
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + LIFETIME_DAYS * DAY_MS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: hostname() },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  });
  const exported = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = exported.match(/.{1,64}/g) ?? [];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWhole(
    paths.key,
    `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
  );
  await writeWhole(paths.certificate, `${certificate.toString('pem')}\n`);
}

/** A crash in between leaves the old file or none, never half a one. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
