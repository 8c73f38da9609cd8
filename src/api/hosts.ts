// Hosts: certificates for a client's own key, the authority that hosts trust, and the keys that a host shows.

import { z } from 'zod';
import { lineText, nameText, timestamp } from './text.ts';

/** `ssh-ed25519 AAAA…`, as in a .pub file; a comment may follow. */
export const certificateBody = z.object({ publicKey: lineText(2_000) });

const hostName = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/);
const keyLine = z.string().regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/);

/** A certificate and what a client needs to use it; held to a narrow form, because it goes into ssh's arguments. */
export const issuedCertificate = z.object({
  /** One line, as in a `-cert.pub` file. */
  certificate: keyLine,
  serial: z.string().regex(/^\d{1,20}$/),
  keyId: z.string().regex(/^[a-z0-9_]{1,63}$/),
  target: nameText,
  host: hostName,
  port: z.number().int(),
  /** Whom to log in as. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,62}$/),
  /** What the host may show. */
  hostKeys: z.array(keyLine),
  validUntil: timestamp,
});
export type IssuedCertificate = z.infer<typeof issuedCertificate>;

export const hostAuthority = z.object({
  /** Lines for the file that `TrustedUserCAKeys` names; the last signs. */
  publicKeys: z.array(z.string()),
  /** For sshd_config: what a prepared host has. */
  configuration: z.string(),
});

export const hostKeysBody = z.object({ host: hostName, port: z.number().int().min(1).max(65_535) });

export const hostKeys = z.object({
  items: z.array(
    z.object({
      /** As the target's setting `hostKeys` takes it. */
      key: keyLine,
      /** For a person to compare with what the host itself says. */
      fingerprint: z.string(),
    }),
  ),
});
