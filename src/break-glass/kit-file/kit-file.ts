// An emergency kit as a file: what it is of stands in plain words, what it opens is sealed (AES-256-GCM) under a key
// that only a quorum of holders can put together. The plain part is bound to the sealed one, so neither can be
// exchanged. Pure: it is opened by the command line, without a server.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../base/canonical-json.ts';
import { Failure } from '../../base/errors.ts';
import { FEWEST_QUORUM, joinKey, MOST_HOLDERS, type Share, splitKey } from './shares.ts';

const FORMAT = 'sallyport-kit/1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const LARGEST_KIT_BYTES = 4 * 1024 * 1024;
const MOST_TARGETS = 500;
const HIGHEST_GENERATION = 65_535;

const kitHead = z.object({
  format: z.literal(FORMAT),
  installation: z.string().min(1).max(64),
  kit: z.string().min(1).max(64),
  segment: z.string().min(1).max(630),
  task: z.string().min(1).max(100),
  generation: z.int().min(1).max(HIGHEST_GENERATION),
  quorum: z.int().min(FEWEST_QUORUM).max(MOST_HOLDERS),
  /** By place. */
  holders: z.array(z.string().max(100)).min(FEWEST_QUORUM).max(MOST_HOLDERS),
  /** How long an opening lasts. */
  limitSeconds: z.int().min(1),
  madeAt: z.iso.datetime(),
  /** The targets refuse its logins from then on. */
  expiresAt: z.iso.datetime(),
});
export type KitHead = z.infer<typeof kitHead>;

export const kitFile = kitHead.extend({ sealed: z.base64().max(LARGEST_KIT_BYTES) });
export type KitFile = z.infer<typeof kitFile>;

const kitTarget = z.object({
  name: z.string(),
  kind: z.literal('postgres'),
  host: z.string(),
  port: z.int(),
  database: z.string(),
  tls: z.enum(['off', 'prefer', 'require']),
  ca: z.string().optional(),
  login: z.string(),
  password: z.string(),
  /** Called twice, with who opens and why: the statement has $1 and $2 for them. */
  openSql: z.string(),
});
export type KitTarget = z.infer<typeof kitTarget>;
const kitContent = z.object({ targets: z.array(kitTarget).min(1).max(MOST_TARGETS) });

/** The file, and a share for each holder in their order; the key is kept nowhere. */
export async function sealKit(
  head: Omit<KitHead, 'format'>,
  targets: KitTarget[],
): Promise<{ file: KitFile; shares: string[] }> {
  const key = randomBytes(KEY_BYTES);
  const whole: KitHead = { format: FORMAT, ...head };
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(whole));
  const text = Buffer.concat([cipher.update(JSON.stringify({ targets }), 'utf8'), cipher.final()]);
  const sealed = Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
  const shares = await splitKey(key, head, head.holders.length, head.quorum);
  key.fill(0);
  return { file: { ...whole, sealed }, shares };
}

/** Errors: `kit-file-invalid`. */
export function readKitFile(text: string): KitFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notAKit('It is not JSON.', cause);
  }
  const parsed = kitFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw notAKit(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown form'}.`, parsed.error);
}

function notAKit(why: string, cause: unknown): Failure {
  return new Failure('invalid', 'kit-file-invalid', `This is no emergency kit of Sallyport. ${why}`, {
    hint: 'A kit is the file that `sally break-glass kit fetch` wrote, unchanged.',
    cause,
  });
}

/**
 * What the kit opens. `shares` fit the file (`requireFitting`).
 * Errors: `too-few-shares`; `kit-does-not-open` when a share or the file is not what was made.
 */
export async function openKit(file: KitFile, shares: readonly Share[]): Promise<KitTarget[]> {
  if (shares.length < file.quorum) throw tooFew(file, shares.length);
  const { sealed, ...head } = file;
  const bytes = Buffer.from(sealed, 'base64');
  const key = await joinKey(shares);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(boundTo(head))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return kitContent.parse(JSON.parse(text.toString('utf8'))).targets;
  } catch (cause) {
    throw new Failure(
      'invalid',
      'kit-does-not-open',
      'The shares do not open this kit: one of them, or the file, was changed.',
      {
        hint: 'Try with the shares of other holders, and with the file of another holder.',
        cause,
      },
    );
  } finally {
    key.fill(0);
  }
}

export function tooFew(file: Pick<KitFile, 'quorum'>, given: number): Failure {
  const missing = file.quorum - given;
  return new Failure(
    'invalid',
    'too-few-shares',
    `${given} of ${file.quorum} shares: ${missing} more ${missing === 1 ? 'is' : 'are'} needed.`,
    {
      hint: 'Fewer than the quorum tell nothing about what is inside.',
    },
  );
}

function boundTo(head: KitHead): Buffer {
  return Buffer.from(canonicalJson(head));
}
