// Another password for our own administrator: the server gets a verifier, never the password, so that its log has none.

import { randomBytes } from 'node:crypto';
import { SCRAM_ITERATIONS, scramKeys, verifierText } from '../../../base/scram.ts';
import type { Secret } from '../../../base/secret.ts';
import { type PostgresClient, withConnection } from './client.ts';
import { quoteText } from './names.ts';

const SALT_BYTES = 16;

/** `Connector.setAdminPassword`. */
export async function setAdminPassword(
  client: PostgresClient,
  password: Secret,
  signal: AbortSignal,
): Promise<void> {
  const keys = await scramKeys(password.reveal(), randomBytes(SALT_BYTES), SCRAM_ITERATIONS);
  await withConnection(client, signal, (connection) =>
    connection.rows(`ALTER ROLE CURRENT_USER PASSWORD ${quoteText(verifierText(keys))}`),
  );
}
