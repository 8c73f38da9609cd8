// Recordings that are not where they should be: how many wait for the store of objects, on which replica, since when and
// why; what was removed and has bytes left.

import { sql } from 'kysely';
import type { Health, Trouble } from '../api/health.ts';
import type { Db } from '../db/client.ts';
import type { Storing } from '../sessions/store-recordings.ts';

export interface RecordingsHere {
  /** Where they are written. */
  folder: string;
  /** This replica's name. */
  replica: string;
  /** null: they stay on the disk. */
  storing: Storing | null;
}

/** A store that is slow for a while is no trouble. */
const LATE_SECONDS = 300;
const MOST_NAMED = 5;

const alone = { nextAt: null, grant: null, target: null, node: null };

export async function recordingTroubles(
  db: Db,
  here: RecordingsHere,
): Promise<{ waiting: Health['storing']; troubles: Trouble[] }> {
  const leftBytes = await leftBehind(db, here);
  if (here.storing === null) return { waiting: null, troubles: leftBytes };
  const { rows } = await sql<{ gateway: string; count: number; oldest: Date; seconds: number }>`
    select gateway, count(*)::int as count, min(ended_at) as oldest,
      extract(epoch from now() - min(ended_at))::float8 as seconds
    from sessions
    where recording_hash is not null and recording_object is null and removed_at is null
    group by gateway order by gateway`.execute(db);
  const own = here.storing.trouble();
  const troubles = rows.flatMap((row): Trouble[] => {
    const away = row.gateway === here.replica ? own : null;
    if (row.seconds < LATE_SECONDS && away?.why == null) return [];
    return [
      {
        ...alone,
        kind: 'recordings',
        severity: 'warn',
        what: `${row.count} ${row.count === 1 ? 'recording waits' : 'recordings wait'} on ${row.gateway} for the store.`,
        since: row.oldest.toISOString(),
        why: away?.why ?? (row.gateway === here.replica ? null : `The log of ${row.gateway} says why.`),
        next: 'It is tried again for ever; until then they are on the disk.',
        nextAt: away?.nextAt?.toISOString() ?? null,
        do: 'See that the store can be reached, and that its key may write there.',
      },
    ];
  });
  const unfit = own?.unfit ?? [];
  if (unfit.length > 0)
    troubles.push({
      ...alone,
      kind: 'recordings',
      severity: 'bad',
      what: `${unfit.length} ${unfit.length === 1 ? 'recording' : 'recordings'} on ${here.replica} cannot be stored: ${unfit
        .slice(0, MOST_NAMED)
        .map(({ sessionId }) => sessionId)
        .join(', ')}${unfit.length > MOST_NAMED ? ' …' : ''}.`,
      since: null,
      why: unfit[0]?.why ?? null,
      next: 'Each is looked at again every five minutes.',
      do: 'Bring the file back from a backup, or find out who changed it.',
    });
  return {
    waiting: {
      recordings: rows.reduce((sum, { count }) => sum + count, 0),
      oldestAt:
        rows.length === 0
          ? null
          : new Date(Math.min(...rows.map(({ oldest }) => oldest.getTime()))).toISOString(),
    },
    troubles: [...troubles, ...leftBytes],
  };
}

/** Removed by their time, and some minutes later their bytes are still there. */
async function leftBehind(db: Db, here: RecordingsHere): Promise<Trouble[]> {
  const { rows } = await sql<{ count: number; oldest: Date | null }>`
    select count(*)::int as count, min(removed_at) as oldest from sessions
    where removed_at < now() - make_interval(secs => ${LATE_SECONDS})
      and (recording_object is not null and object_gone_at is null
        or file_gone_at is null and gateway = ${here.replica})`.execute(db);
  const [{ count = 0, oldest = null } = {}] = rows;
  if (count === 0) return [];
  return [
    {
      ...alone,
      kind: 'recordings',
      severity: 'warn',
      what: `${count} ${count === 1 ? 'recording is' : 'recordings are'} removed by retention and not gone yet.`,
      since: oldest?.toISOString() ?? null,
      why: here.storing === null ? null : (here.storing.trouble()?.why ?? null),
      next: 'It is tried again for ever.',
      do: 'See in the log why they cannot be deleted: rights on the folder or the bucket, an object lock.',
    },
  ];
}
