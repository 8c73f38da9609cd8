// What is masked in a session that is about to open: the classes of data that policy names, for the request and for the
// connection, found on the target as it is now. Where that cannot be told for sure there is no session.

import { Secret } from '../base/secret.ts';
import { cannotMask, labelledColumns } from '../targets/labels.ts';
import type { GrantsContext } from './context.ts';
import type { TicketMask } from './session-ticket.ts';

const CATALOG_TIMEOUT_MS = 10_000;
const KEY_BYTES = 32;

/** null: nothing is masked. Errors: `cannot-mask`, `label-without-column`, `catalog-too-large`; the target's own. */
export async function ticketMask(
  ctx: GrantsContext,
  on: { targetId: string; kind: string; database: string },
  classes: string[],
): Promise<TicketMask | null> {
  if (classes.length === 0) return null;
  const client = await ctx.targets.open(on.targetId);
  if (client.maskCatalog === null) throw cannotMask(on.kind);
  const { version, columns } = await labelledColumns(ctx.db, on.targetId, on.database, classes);
  const catalog = await client.maskCatalog(on.database, columns, AbortSignal.timeout(CATALOG_TIMEOUT_MS));
  const key = ctx.masterKey.derive('mask', on.targetId, KEY_BYTES).toString('base64');
  return { classes, labelVersion: version, key: new Secret(key), ...catalog };
}
