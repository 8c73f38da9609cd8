// Where a PostgreSQL target is and how it is reached. One target is one database of one server: tasks are about
// tables, and a login that is granted for one database gets no right in the next.

import { z } from 'zod';

export const DEFAULT_PORT = 5432;
const LONGEST_CA = 20_000;
/** Each is asked at every revocation. */
const MOST_NODES = 16;

/** Names that we quote and that people can also type without quotes trouble; PostgreSQL itself allows more. */
export const databaseName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_$-]{0,62}$/, 'Letters, digits, _ $ and - only, at most 63.');

const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, 'A host name or address.');
const port = z.coerce.number().int().min(1).max(65_535).default(DEFAULT_PORT);

export const targetSettings = z.strictObject({
  host: host.describe('Host name or address'),
  port: port.describe('Port'),
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
  nodes: z
    .array(z.strictObject({ host, port }))
    .max(MOST_NODES, `At most ${MOST_NODES} standbys.`)
    .refine((nodes) => new Set(nodes.map(nodeName)).size === nodes.length, 'A standby is named twice.')
    .optional()
    .describe('Its standbys: revocation ends sessions on each of them, and is over when each says so'),
});

/** A node as people see it. */
export function nodeName(node: { host: string; port: number }): string {
  return `${node.host}:${node.port}`;
}

export type TargetSettings = z.infer<typeof targetSettings>;
