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
/** A managed PostgreSQL fails over in 60 to 120 s (operate.md). */
export const DEFAULT_STORE_GRACE_SECONDS = 180;

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
    .select(['path', 'time_zone', 'own_time_zone', 'owner', 'description', 'store_grace_s'])
    .orderBy('path')
    .limit(MOST_SEGMENTS)
    .execute();
  const owners = new Map(rows.map((row) => [row.path, row.owner]));
  const graces = new Map(rows.map((row) => [row.path, row.store_grace_s]));
  return rows.map((row) => ({
    path: row.path,
    timeZone: row.time_zone,
    ownTimeZone: row.own_time_zone,
    owner: nearest(row.path, (path) => owners.get(path) ?? null),
    ownOwner: row.owner !== null,
    description: row.description,
    storeGraceSeconds: nearest(row.path, (path) => graces.get(path) ?? null) ?? DEFAULT_STORE_GRACE_SECONDS,
    ownStoreGrace: row.store_grace_s !== null,
  }));
}

/** How long sessions in that segment go on without the store: its own setting, or that of the nearest above it. */
export async function storeGraceSeconds(db: Db | Trx, path: string): Promise<number> {
  const row = await db
    .selectFrom('segments')
    .select('store_grace_s')
    .where('path', 'in', pathsDownTo(path))
    .where('store_grace_s', 'is not', null)
    .orderBy(sql`length(path)`, 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.store_grace_s ?? DEFAULT_STORE_GRACE_SECONDS;
}

/** Makes it where it is missing. What is left out stays; null takes back. Errors: `invalid-time-zone`, `unknown-group`. */
export async function setSegment(
  db: Db,
  body: SetSegmentBody,
  by: { actor: Actor; sourceAddress: string },
): Promise<Segment> {
  const { path, timeZone, owner, description, storeGraceSeconds: grace } = body;
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
      ...(grace === undefined ? {} : { store_grace_s: grace }),
    };
    if (Object.keys(set).length > 0)
      await trx.updateTable('segments').set(set).where('path', '=', path).execute();
    if (timeZone !== undefined) await handDownTimeZones(trx);
    await append(trx, {
      kind: 'segment.set',
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { segment: path, timeZone, owner, description, storeGraceSeconds: grace },
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

function nearest<T>(path: string, of: (path: string) => T | null): T | null {
  for (const step of pathsDownTo(path).reverse()) {
    const found = of(step);
    if (found !== null) return found;
  }
  return null;
}
