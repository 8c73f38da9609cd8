// The tree that targets hang on. A path's ancestors exist when it does, so that policy can speak of any level.

import { notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';

export interface Segment {
  path: string;
  timeZone: string;
}

/** `prod/eu/orders` → [`prod`, `prod/eu`, `prod/eu/orders`]. */
export function pathsDownTo(path: string): string[] {
  const steps = path.split('/');
  return steps.map((_, i) => steps.slice(0, i + 1).join('/'));
}

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

export async function segmentByPath(db: Db | Trx, path: string): Promise<Segment> {
  const row = await db
    .selectFrom('segments')
    .select(['path', 'time_zone'])
    .where('path', '=', path)
    .executeTakeFirst();
  if (row === undefined) throw notFound('segment', path);
  return { path: row.path, timeZone: row.time_zone };
}
