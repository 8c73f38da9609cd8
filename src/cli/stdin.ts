// Secrets from a pipe: the first line of stdin, bounded.

import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';

const LARGEST_SECRET_BYTES = 4096;

/** The first line of stdin, or null when it is empty. Errors: `too-large`. */
export async function readSecretFromStdin(): Promise<Secret | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LARGEST_SECRET_BYTES) {
      throw new Failure(
        'too-large',
        'too-large',
        `What came on stdin is longer than ${LARGEST_SECRET_BYTES} bytes.`,
      );
    }
    chunks.push(bytes);
  }
  return firstLine(Buffer.concat(chunks).toString('utf8'));
}

/** The first line of `text` as a secret, or null when that is empty. */
export function firstLine(text: string): Secret | null {
  const line = text.split(/\r?\n/, 1)[0] ?? '';
  return line === '' ? null : new Secret(line);
}
