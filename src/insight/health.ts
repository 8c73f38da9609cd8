// The health of the installation: what is not where it should be, since when, why, what is tried next, what to do.
// Everything comes from the store, so that every replica says the same; the log's alarm and the disk are this process's.

import { statfs } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Health, Trouble } from '../api/health.ts';
import type { ReplicaView } from '../api/replicas.ts';
import { latestCheckpoint } from '../audit/checkpoint.ts';
import type { SequencerStatus } from '../audit/sequence.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import { kitTroubles } from './kit-troubles.ts';
import { lateGrants } from './late-grants.ts';
import { type RecordingsHere, recordingTroubles } from './recording-troubles.ts';
import { revocationHealth } from './revocation.ts';
import { targetHealth } from './target-health.ts';

const MOST_TROUBLES = 200;
/** Below this, and below a twentieth of the disk, recordings may soon not be written. */
const LITTLE_SPACE_BYTES = 2 * 1024 ** 3;
const LITTLE_SPACE_SHARE = 0.05;
/** A checkpoint comes at most a second after an entry; older with entries waiting means that signing has stopped. */
const STALE_CHECKPOINT_SECONDS = 30;
const SLOW_STORE_MS = 1_000;

export interface HealthContext {
  db: Db;
  logStatus: () => Pick<SequencerStatus, 'alarm' | 'problem'>;
  replicas: { list(): Promise<ReplicaView[]> };
  recordings: RecordingsHere;
}

export async function readHealth(ctx: HealthContext): Promise<Health> {
  const store = await storeHealth(ctx.db);
  const [late, targets, kits, revocation, grants, log, replicas, recordings, stored] = await Promise.all([
    lateGrants(ctx.db, MOST_TROUBLES),
    targetHealth(ctx.db),
    kitTroubles(ctx.db),
    revocationHealth(ctx.db),
    grantCounts(ctx.db),
    logHealth(ctx),
    ctx.replicas.list(),
    space(ctx.recordings.folder),
    recordingTroubles(ctx.db, ctx.recordings),
  ]);
  const own = [
    ...log.troubles,
    ...storeTroubles(store),
    ...replicaTroubles(replicas),
    ...spaceTroubles(recordings),
    ...stored.troubles,
  ];
  const all = [...late.troubles, ...targets.troubles, ...kits, ...own].sort(
    (a, b) => Number(b.severity === 'bad') - Number(a.severity === 'bad'),
  );
  return {
    ok: all.length === 0,
    at: new Date().toISOString(),
    troubles: all.slice(0, MOST_TROUBLES),
    moreTroubles: late.all - late.troubles.length + Math.max(0, all.length - MOST_TROUBLES),
    grants,
    revocation,
    targets: targets.targets,
    log: log.state,
    store,
    replicas,
    recordings,
    storing: stored.waiting,
  };
}

const alone = { nextAt: null, grant: null, target: null, node: null };

async function grantCounts(db: Db): Promise<Health['grants']> {
  const { rows } = await sql<Health['grants']>`
    select count(*) filter (where wanted = 'present' and observed = 'present')::int as active,
      count(*) filter (where wanted = 'present' and observed = 'unknown' and coalesce(starts_at <= now(), true))::int as granting,
      count(*) filter (where wanted = 'absent' and observed in ('unknown', 'present'))::int as revoking,
      count(*) filter (where wanted = 'absent' and observed = 'inert')::int as "cleanupPending",
      count(*) filter (where wanted = 'absent' and observed in ('unknown', 'present')
        and ended_at < now() - interval '60 seconds')::int as overdue
    from grants where wanted = 'present' or observed <> 'absent'`.execute(db);
  return rows[0] ?? { active: 0, granting: 0, revoking: 0, cleanupPending: 0, overdue: 0 };
}

async function storeHealth(db: Db): Promise<Health['store']> {
  const startedAt = monotonicMs();
  const { rows } = await sql<{ version: string; size: number }>`
    select current_setting('server_version') as version, pg_database_size(current_database()) as size`.execute(
    db,
  );
  return {
    version: rows[0]?.version ?? '',
    sizeBytes: rows[0]?.size ?? 0,
    answeredMs: Math.round(monotonicMs() - startedAt),
  };
}

function storeTroubles(store: Health['store']): Trouble[] {
  if (store.answeredMs <= SLOW_STORE_MS) return [];
  return [
    {
      ...alone,
      kind: 'store',
      severity: 'warn',
      what: `The store took ${(store.answeredMs / 1000).toFixed(1)} s to answer.`,
      since: null,
      why: 'Everything waits for it: requests, ends of grants, the log.',
      next: null,
      do: 'Look at its load, its disk and the network between.',
    },
  ];
}

async function logHealth(ctx: HealthContext): Promise<{ state: Health['log']; troubles: Trouble[] }> {
  const [counts, checkpoint] = await Promise.all([
    sql<{ entries: number; unsequenced: number; oldest: number | null }>`
      select (select size from audit_tree) as entries, count(*)::int as unsequenced,
        extract(epoch from now() - min(at))::float8 as oldest
      from audit_entries where index is null`.execute(ctx.db),
    latestCheckpoint(ctx.db),
  ]);
  const { entries = 0, unsequenced = 0, oldest = null } = counts.rows[0] ?? {};
  const { alarm, problem } = ctx.logStatus();
  const state = {
    entries,
    unsequenced,
    checkpointSize: checkpoint?.size ?? 0,
    checkpointAt: checkpoint?.at.toISOString() ?? null,
    alarm: alarm?.message ?? null,
  };
  const troubles: Trouble[] = [];
  if (alarm !== null)
    troubles.push({
      ...alone,
      kind: 'log',
      severity: 'bad',
      what: 'The log in the store is not the one that was signed: nothing new is granted.',
      since: state.checkpointAt,
      why: alarm.message,
      next: null,
      do: alarm.hint ?? 'Run: sally audit verify',
    });
  else if ((oldest ?? 0) > STALE_CHECKPOINT_SECONDS)
    troubles.push({
      ...alone,
      kind: 'log',
      severity: 'bad',
      what: `${unsequenced} entries of the log wait for their place and signature.`,
      since: state.checkpointAt,
      why: problem ?? 'Nobody sequences the log.',
      next: 'It is tried again all the time.',
      do: 'See that a replica with the role worker runs, and that its data folder can be written.',
    });
  return { state, troubles };
}

function replicaTroubles(replicas: ReplicaView[]): Trouble[] {
  const gone = replicas.filter((one) => one.state === 'gone');
  const running = new Set(replicas.filter((one) => one.state === 'running').flatMap((one) => one.roles));
  return gone.map((one) => {
    const missing = one.roles.filter((role) => !running.has(role));
    return {
      ...alone,
      kind: 'replica' as const,
      severity: missing.length > 0 ? ('bad' as const) : ('warn' as const),
      what: `The replica ${one.name} (${one.roles.join(', ')}) is gone without a word.`,
      since: one.seenAt,
      why: missing.length > 0 ? `Nobody else does its work: ${missing.join(', ')}.` : null,
      next: missing.length > 0 ? null : 'The others do its work.',
      do: 'Start it again, or see on its machine why it ended.',
    };
  });
}

/** null: the folder is not there, since nothing was recorded here. */
async function space(folder: string): Promise<Health['recordings']> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}

function spaceTroubles(recordings: Health['recordings']): Trouble[] {
  if (recordings === null) return [];
  const { freeBytes, totalBytes } = recordings;
  if (freeBytes > LITTLE_SPACE_BYTES || freeBytes > totalBytes * LITTLE_SPACE_SHARE) return [];
  return [
    {
      ...alone,
      kind: 'recordings',
      severity: 'bad',
      what: `${Math.floor(freeBytes / 1024 ** 2)} MB are left where recordings are kept.`,
      since: null,
      why: 'Where policy wants a recording, sessions end when none can be written.',
      next: null,
      do: 'Make room, or move the data folder to a larger disk.',
    },
  ];
}
