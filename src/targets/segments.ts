// The tree that targets hang on. A path's ancestors exist when it does, so that policy can speak of any level. A
// segment without a time zone or owner of its own has those of the nearest above it.

import { sql } from 'kysely';
import type { Segment, SetSegmentBody } from '../api/targets.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { notFound } from '../base/errors.ts';
import { pathsDownTo } from '../base/segment-path.ts';
import { checkTimeZone } from '../base/time-zone.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';

const MOST_SEGMENTS = 5_000;

/** Makes the segment and what is above it where they are missing. A new one inherits its parent's time zone. */
export async function ensureSegment(trx: Trx, path: string): Promise<void> {
  let zone = 'UTC';
  let parent: string | null = null;
  for (const step of pathsDownTo(path)) {
    const existing = await trx
      .selectFrom('segments')
      .select('time_zone')
      .where('path', '=', step)
      .executeTakeFirst();
    if (existing !== undefined) zone = existing.time_zone;
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

/** The tree, in order of paths. */
export async function listSegments(db: Db | Trx): Promise<Segment[]> {
  const rows = await db
    .selectFrom('segments')
    .select(['path', 'time_zone', 'own_time_zone', 'owner', 'description'])
    .orderBy('path')
    .limit(MOST_SEGMENTS)
    .execute();
  const owners = new Map(rows.map((row) => [row.path, row.owner]));
  return rows.map((row) => ({
    path: row.path,
    timeZone: row.time_zone,
    ownTimeZone: row.own_time_zone,
    owner: nearest(row.path, (path) => owners.get(path) ?? null),
    ownOwner: row.owner !== null,
    description: row.description,
  }));
}

/** Makes it where it is missing. What is left out stays; null takes back. Errors: `invalid-time-zone`, `unknown-group`. */
export async function setSegment(
  db: Db,
  body: SetSegmentBody,
  by: { actor: Actor; sourceAddress: string },
): Promise<Segment> {
  const { path, timeZone, owner, description } = body;
  if (timeZone != null) checkTimeZone(timeZone);
  return db.transaction().execute(async (trx) => {
    // Two changes of one tree take turns: what is below is worked out from what is above.
    await sql`lock table segments in share row exclusive mode`.execute(trx);
    await ensureSegment(trx, path);
    if (owner != null) await requireGroup(trx, owner);
    const set = {
      ...(timeZone === undefined ? {} : { own_time_zone: timeZone !== null, time_zone: timeZone ?? 'UTC' }),
      ...(owner === undefined ? {} : { owner }),
      ...(description === undefined ? {} : { description }),
    };
    if (Object.keys(set).length > 0)
      await trx.updateTable('segments').set(set).where('path', '=', path).execute();
    if (timeZone !== undefined) await handDownTimeZones(trx);
    await append(trx, {
      kind: 'segment.set',
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { segment: path, timeZone, owner, description },
    });
    await publish(trx, { topic: 'targets' });
    const all = await listSegments(trx);
    const found = all.find((one) => one.path === path);
    if (found === undefined) throw new Error(`The segment ${path} was just made.`);
    return found;
  });
}

async function requireGroup(trx: Trx, name: string): Promise<void> {
  const group = await trx.selectFrom('groups').select('id').where('name', '=', name).executeTakeFirst();
  if (group === undefined) throw notFound('group', name);
}

async function handDownTimeZones(trx: Trx): Promise<void> {
  const rows = await trx.selectFrom('segments').select(['path', 'time_zone', 'own_time_zone']).execute();
  const own = new Map(rows.flatMap((row) => (row.own_time_zone ? [[row.path, row.time_zone]] : [])));
  for (const row of rows) {
    const zone = nearest(row.path, (path) => own.get(path) ?? null) ?? 'UTC';
    if (zone === row.time_zone) continue;
    await trx.updateTable('segments').set({ time_zone: zone }).where('path', '=', row.path).execute();
  }
}

function nearest(path: string, of: (path: string) => string | null): string | null {
  for (const step of pathsDownTo(path).reverse()) {
    const found = of(step);
    if (found !== null) return found;
  }
  return null;
}
