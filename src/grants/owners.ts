// Who owns what: the group of a target, of its segment, or of a segment above. Owners may end what is on theirs.

import type { KillScope } from '../api/kills.ts';
import { pathsDownTo } from '../base/segment-path.ts';
import type { Db } from '../db/client.ts';
import type { Caller } from './submit.ts';

/** Whether a group of theirs owns the target, the segment, or a segment above. */
export async function ownsScope(
  db: Db,
  { principal }: Caller,
  of: { scope: KillScope; name: string },
): Promise<boolean> {
  if (principal.kind !== 'person' || (of.scope !== 'target' && of.scope !== 'segment')) return false;
  const target =
    of.scope === 'segment'
      ? null
      : await db
          .selectFrom('targets')
          .select(['segment', 'owner'])
          .where('name', '=', of.name)
          .where('removed_at', 'is', null)
          .executeTakeFirst();
  if (target === undefined) return false;
  if (target?.owner != null && principal.groups.includes(target.owner)) return true;
  const rows = await db
    .selectFrom('segments')
    .select('owner')
    .where('path', 'in', pathsDownTo(target?.segment ?? of.name))
    .execute();
  return rows.some(({ owner }) => owner !== null && principal.groups.includes(owner));
}
