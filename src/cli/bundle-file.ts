// A bundle as a file, `sally request --bundle release.yaml`: the members, and what a flag may say instead.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { type BundleBody, bundleMember } from '../api/requests.ts';
import { durationText, nameText, reasonText, ticketText } from '../api/text.ts';
import { Failure, messageOf } from '../base/errors.ts';
import { usage } from './exit-codes.ts';

const LARGEST_FILE_BYTES = 64 * 1024;

const bundleFile = z.strictObject({
  for: durationText.optional(),
  reason: reasonText.optional(),
  ticket: ticketText.optional(),
  use: z.enum(['once', 'session']).optional(),
  members: z.array(z.strictObject(bundleMember.shape)),
});
export type BundleFile = z.infer<typeof bundleFile>;

/** Errors: `unreadable-file`; usage, naming the place in the file. How many members there may be, the server says. */
export function readBundle(file: string): BundleFile {
  let raw: unknown;
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LARGEST_FILE_BYTES)
      throw new Error(`it is larger than ${LARGEST_FILE_BYTES / 1024} KiB`);
    raw = parse(text);
  } catch (error) {
    throw new Failure('invalid', 'unreadable-file', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const parsed = bundleFile.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(
    `${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'is not a bundle'}`,
    'It holds members, each with target and task, and if wanted for, reason, ticket and use.',
  );
}

/** `task` is that of members which name none of their own. */
export function membersFrom(texts: string[], task: string | undefined): BundleBody['members'] {
  return texts.map((text) => memberFrom(text.includes(':') || task === undefined ? text : `${text}:${task}`));
}

/** `orders-db:fix-orders` as it stands on the command line. */
function memberFrom(text: string): BundleBody['members'][number] {
  const [target = '', task = '', ...more] = text.split(':');
  const known = nameText.safeParse(target).success && nameText.safeParse(task).success;
  if (!known || more.length > 0)
    throw usage(
      `"${text}" is not a member of a bundle.`,
      'Write target:task, for example orders-db:fix-orders.',
    );
  return { target, task };
}
