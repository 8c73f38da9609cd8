// Where a PostgreSQL target is and how it is reached. One target is one database of one server: tasks are about
// tables, and a login that is granted for one database gets no right in the next.

import { z } from 'zod';

export const DEFAULT_PORT = 5432;
const LONGEST_CA = 20_000;

/** Names that we quote and that people can also type without quotes trouble; PostgreSQL itself allows more. */
export const databaseName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_$-]{0,62}$/, 'Letters, digits, _ $ and - only, at most 63.');

export const targetSettings = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, 'A host name or address.')
    .describe('Host name or address'),
  port: z.coerce.number().int().min(1).max(65_535).default(DEFAULT_PORT).describe('Port'),
  database: databaseName.describe('Database'),
  tls: z
    .enum(['off', 'prefer', 'require'])
    .default('prefer')
    .describe('TLS: with `require` and an authority, the server’s certificate and name are verified'),
  ca: z
    .string()
    .max(LONGEST_CA)
    .includes('-----BEGIN CERTIFICATE-----', { message: 'Certificates in PEM form.' })
    .optional()
    .describe('Certificate authority, PEM'),
});

export type TargetSettings = z.infer<typeof targetSettings>;
