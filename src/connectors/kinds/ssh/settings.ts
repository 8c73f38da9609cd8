// Where a host is, and which keys it may show. The keys are pinned when the host is added, by a person who has seen
// their fingerprints; a host that shows another is not spoken to.

import { z } from 'zod';

export const DEFAULT_PORT = 22;
const MOST_HOST_KEYS = 10;

/** As in `known_hosts`, without the names: `ssh-ed25519 AAAA…`. */
const hostKey = z
  .string()
  .max(2_000)
  .regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}$/,
    'Type and key in base64, as in known_hosts, without names and comment.',
  );

export const targetSettings = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, 'A host name or address.')
    .describe('Host name or address'),
  port: z.coerce.number().int().min(1).max(65_535).default(DEFAULT_PORT).describe('Port'),
  hostKeys: z
    .array(hostKey)
    .min(1, 'Pin at least one key of the host.')
    .max(MOST_HOST_KEYS, `At most ${MOST_HOST_KEYS} keys.`)
    .describe('Keys that the host may show'),
});

export type TargetSettings = z.infer<typeof targetSettings>;
