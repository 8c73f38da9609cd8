// The tree that targets hang on. A path's ancestors exist when it does, so that policy can speak of any level.

import { pathsDownTo } from '../base/segment-path.ts';
import type { Trx } from '../db/client.ts';

/** Makes the segment and what is above it where they are missing. A new one inherits its parent's time zone. */
export async function ensureSegment(trx: Trx, path: string, timeZone?: string): Promise<void> {
  let zone = timeZone ?? 'UTC';
  let parent: string | null = null;
  for (const step of pathsDownTo(path)) {
    const existing = await trx
      .selectFrom('segments')
      .select('time_zone')
      .where('path', '=', step)
      .executeTakeFirst();
    if (existing !== undefined) zone = timeZone ?? existing.time_zone;
    else {
      await trx
        .insertInto('segments')
        .values({ path: step, parent, time_zone: zone })
        .onConflict((oc) => oc.doNothing())
        .execute();
    }
    parent = step;
  }
}
