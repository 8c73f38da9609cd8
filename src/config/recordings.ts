// What becomes of recordings: the part `recordings` of the configuration. Policy says more by `@keepRecording`; what
// stands here is for sessions about which it says nothing, and the least that it may say.

import { z } from 'zod';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { Failure, messageOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { namedSecret, type SecretPlaces, secretFrom } from './named-secret.ts';
import { origin } from './oidc.ts';

export interface KeepConfig {
  /** After a session's end, where policy names nothing; null: for ever. */
  keepSeconds: number | null;
  /** No policy keeps them shorter; null: no floor. */
  keepAtLeastSeconds: number | null;
}

/** Where recordings go after their end. */
export interface StoreConfig {
  endpoint: string;
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  region: string;
  accessKey: Secret;
  secretKey: Secret;
}

/** `store` null: they stay on the disk. */
export type RecordingsConfig = KeepConfig & { store: StoreConfig | null };

/** A hundred years, as for policies. */
const LONGEST_SECONDS = 36_500 * 86_400;

function seconds(text: string, issues: z.core.$RefinementCtx<string>): number {
  try {
    return parseDuration(text, 'recordings', LONGEST_SECONDS);
  } catch (error) {
    issues.addIssue({ code: 'custom', message: `${messageOf(error)} Write 365d or the like.` });
    return z.NEVER;
  }
}

export const recordingsSchema = z
  .object({
    keep: z
      .string()
      .transform((text, issues) => (text === 'forever' ? null : seconds(text, issues)))
      .optional(),
    keepAtLeast: z.string().transform(seconds).optional(),
    store: z.enum(['disk', 's3'], 'Either disk or s3.').default('disk'),
    endpoint: origin.optional(),
    bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'A bucket: 3 to 63 of a-z, 0-9, . and -.')
      .optional(),
    prefix: z
      .string()
      .regex(/^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/, 'Folders that end with a slash, such as sallyport/eu/.')
      .max(200)
      .default(''),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'A region such as eu-central-1.')
      .default('us-east-1'),
    accessKey: namedSecret.optional(),
    secretKey: namedSecret.optional(),
  })
  .strict();
type File = z.infer<typeof recordingsSchema>;

/** Errors: `config-invalid` for what does not fit together, or a secret that is not there. */
export function recordingsFrom(own: File | undefined, places: SecretPlaces): RecordingsConfig {
  return { ...keepFrom(own), store: storeFrom(own, places) };
}

function storeFrom(own: File | undefined, places: SecretPlaces): StoreConfig | null {
  const { store = 'disk', endpoint, bucket, accessKey, secretKey, prefix = '', region = '' } = own ?? {};
  const given = { endpoint, bucket, accessKey, secretKey };
  if (store === 'disk') {
    const [needless] = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (needless !== undefined) throw misfit(needless, 'needs recordings.store: s3.');
    return null;
  }
  const needed = <K extends keyof typeof given>(name: K): string => {
    const value = given[name];
    if (value === undefined) throw misfit(name, 'is missing; recordings.store: s3 needs it.');
    return value;
  };
  return {
    endpoint: new URL(needed('endpoint')).origin,
    bucket: needed('bucket'),
    prefix,
    region,
    accessKey: secretFrom(needed('accessKey'), 'recordings.accessKey', places),
    secretKey: secretFrom(needed('secretKey'), 'recordings.secretKey', places),
  };
}

function misfit(key: string, what: string): Failure {
  const field = `recordings.${key}`;
  return new Failure('invalid', 'config-invalid', `${field} ${what}`, { field });
}

function keepFrom(own: File | undefined): KeepConfig {
  const keepSeconds = own?.keep ?? null;
  const keepAtLeastSeconds = own?.keepAtLeast ?? null;
  if (keepSeconds !== null && keepAtLeastSeconds !== null && keepSeconds < keepAtLeastSeconds)
    throw new Failure(
      'invalid',
      'config-invalid',
      `recordings.keep is ${formatDuration(keepSeconds)}, which is shorter than recordings.keepAtLeast, ${formatDuration(keepAtLeastSeconds)}.`,
      { field: 'recordings.keep' },
    );
  return { keepSeconds, keepAtLeastSeconds };
}
