// `sally init` makes the first administrator's token on the machine where it runs and writes only its hash into the
// configuration; the first start turns that into a person. Later starts find that person and change nothing.

import { SYSTEM_ACTOR } from '../audit/append.ts';
import type { Db } from '../db/client.ts';
import { ADMINISTRATORS, AUDITORS, createPrincipal } from './principals.ts';
import { storeTokenHash } from './tokens.ts';

/** Long enough to set up sign-in for people; then it is replaced by one of those. */
const FIRST_TOKEN_DAYS = 24;

/** True when the administrator was made by this call. */
export async function createFirstAdministrator(
  db: Db,
  first: { name: string; displayName: string; tokenHash: string },
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const known = await trx
      .selectFrom('principals')
      .select('id')
      .where('name', '=', first.name)
      .executeTakeFirst();
    if (known !== undefined) return false;
    const principal = await createPrincipal(
      trx,
      {
        kind: 'person',
        name: first.name,
        displayName: first.displayName,
        groups: [ADMINISTRATORS, AUDITORS],
      },
      SYSTEM_ACTOR,
    );
    await storeTokenHash(trx, {
      principalId: principal.id,
      kind: 'api',
      name: 'first administrator',
      hash: Buffer.from(first.tokenHash, 'hex'),
      lifetimeSeconds: FIRST_TOKEN_DAYS * 86_400,
      by: SYSTEM_ACTOR,
    });
    return true;
  });
}
