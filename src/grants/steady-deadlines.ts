// A clock that is set back gives no grant more time (lifecycle.md). Deadlines are moments of the store's clock, so each
// process compares that clock with its own monotonic one; when the store's has gone back, the grants that were active
// then are held to what they had left before. Whatever ends them is the ordinary end.

import { sql } from 'kysely';
import { SYSTEM_ACTOR } from '../audit/append.ts';
import { monotonicMs } from '../base/timer.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrants } from './end.ts';

const LOOK_MS = 1_000;
/** Less is the noise of asking, and of clocks that are steered; and it is less than what a deadline may be late by. */
const NOISE_MS = 750;
/** Held at a time in one look; the next look takes more. */
const BATCH = 500;

/** One reading of the store's clock, in ms; by ours it was made between the question and the answer. */
interface Reading {
  storeMs: number;
  askedAtMs: number;
  answeredAtMs: number;
  /** The log's last entry then: what it holds of a grant came before. */
  lastSeq: number;
}

interface Held {
  /** As the store had it; an extension moves both. */
  expiresAtMs: number;
  dueMs: number;
}

export function createSteadyDeadlines(ctx: GrantsContext): Repeating {
  let last: Reading | null = null;
  const held = new Map<string, Held>();
  return repeat(ctx, 'steady deadlines', LOOK_MS, async () => {
    const now = await read(ctx);
    const before = last;
    last = now;
    // At the least, so that a slow answer does not look like a clock that was set back; and at the most, so that what is
    // held is early rather than late.
    const leastMs = before === null ? 0 : before.storeMs + now.askedAtMs - before.answeredAtMs;
    const mostMs = before === null ? 0 : before.storeMs + now.askedAtMs - before.askedAtMs;
    if (before !== null && now.storeMs < leastMs - NOISE_MS) {
      ctx.log.error(
        { backMs: Math.round(mostMs - now.storeMs) },
        "the store's clock was set back; active grants are held to the time that they had left",
      );
      // Set back again, the first word stands.
      for (const { id, expiresAtMs } of await activeBefore(ctx, before.lastSeq))
        if (!held.has(id)) held.set(id, { expiresAtMs, dueMs: now.askedAtMs + expiresAtMs - mostMs });
    }
    if (held.size > 0) await endDue(ctx, held);
    return undefined;
  });
}

async function read(ctx: GrantsContext): Promise<Reading> {
  const askedAtMs = monotonicMs();
  const { rows } = await sql<{ ms: number; seq: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms,
      (select coalesce(max(seq), 0) from audit_entries) as seq`.execute(ctx.db);
  const [row] = rows;
  if (row === undefined) throw new Error('The store has no clock.');
  return { storeMs: row.ms, askedAtMs, answeredAtMs: monotonicMs(), lastSeq: row.seq };
}

/**
 * Those that got their deadline by the clock as it was: active at the last look, or since then and, by the new clock, in
 * the future. One that became active after the clock was set back has its whole time by the new one.
 */
async function activeBefore(
  ctx: GrantsContext,
  lastSeq: number,
): Promise<{ id: string; expiresAtMs: number }[]> {
  const { rows } = await sql<{ id: string; expires_at: Date }>`
    select g.id, g.expires_at from grants g
    where g.wanted = 'present' and g.observed = 'present' and g.expires_at is not null and (
      g.activated_at > now()
      or exists (select from audit_entries a where a.grant_id = g.id and a.kind = 'grant.active' and a.seq <= ${lastSeq}))`.execute(
    ctx.db,
  );
  return rows.map(({ id, expires_at: end }) => ({ id, expiresAtMs: end.getTime() }));
}

async function endDue(ctx: GrantsContext, held: Map<string, Held>): Promise<void> {
  const due = [...held].filter(([, { dueMs }]) => dueMs <= monotonicMs()).map(([id]) => id);
  if (due.length === 0) return;
  const rows = await ctx.db
    .selectFrom('grants')
    .select(['id', 'request_id', 'target_id', 'login', 'expires_at'])
    .where('id', 'in', due.slice(0, BATCH))
    .where('wanted', '=', 'present')
    .execute();
  const over = rows.filter(({ id, expires_at: end }) => {
    const one = held.get(id);
    const laterMs = (end?.getTime() ?? 0) - (one?.expiresAtMs ?? 0);
    if (one === undefined || laterMs <= 0) return true;
    // Extended since: it has that much more, and not an hour besides.
    one.expiresAtMs += laterMs;
    one.dueMs += laterMs;
    return one.dueMs <= monotonicMs();
  });
  await endGrants(
    ctx.db,
    over.map((grant) => ({
      grant,
      reason: 'expired',
      note: "The store's clock was set back; it ended when it should have.",
      actor: SYSTEM_ACTOR,
      byId: null,
    })),
  );
  const kept = new Set(rows.filter((row) => !over.includes(row)).map(({ id }) => id));
  for (const id of due.slice(0, BATCH)) if (!kept.has(id)) held.delete(id);
}
