// What a gateway shows to clients, in the log at each start: serial and hash of its certificate, its SSH host key. So a
// client that was shown another one can be told since when, or that it was none of ours.

import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import type { Db } from '../db/client.ts';
import type { ShownCertificate } from '../gateway/certificate.ts';
import { fingerprint } from '../ssh/keys.ts';

type Shown =
  | { gateway: 'postgres'; certificate: ShownCertificate | null }
  | { gateway: 'ssh'; hostKey: string };

/** Errors: the store's. */
export async function noteGateway(db: Db, replica: string, address: string, shown: Shown): Promise<void> {
  const { gateway } = shown;
  const what =
    shown.gateway === 'postgres' ? { ...shown.certificate } : { hostKey: fingerprintOf(shown.hostKey) };
  await db.transaction().execute((trx) =>
    append(trx, {
      kind: 'gateway.started',
      actor: SYSTEM_ACTOR,
      detail: { replica, gateway, address, ...what },
    }),
  );
}

function fingerprintOf(line: string): string {
  const [type = '', base64 = ''] = line.split(' ');
  return fingerprint({ type, blob: Buffer.from(base64, 'base64') });
}
