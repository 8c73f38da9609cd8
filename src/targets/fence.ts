// Whether this store is the one that works on a target now. Each target carries a mark that counts up while Sallyport
// works; the store remembers the marks that it has set. A store that was restored, or copied and started elsewhere,
// finds one that it never set: then it touches nothing (operate.md, "Restore and clones"; ADR 29).
//
// A mark is committed to the store before it goes to the target, and several stay known, so that a crash in between and
// two replicas at once are no riddle. The first start in a new place also looks for another run that is still
// connected: a copy that starts before the original has counted on would not be told by marks.

import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { sleep } from '../base/timer.ts';
import type { FenceReading, Mark, TargetMark } from '../connectors/contract.ts';
import type { OpenTarget } from '../connectors/registry.ts';
import type { Db } from '../db/client.ts';
import type { FenceMark } from '../db/tables.ts';

const NONCE_BYTES = 12;
/** Marks that stay known. */
const MOST_KNOWN = 64;
/** A run that works looks at each target every 30 s (grants/orphans.ts); one that did not for longer is over. */
const STILL_CONNECTED_SECONDS = 45;
const LOOK_AGAIN_MS = 2_000;

export interface FenceContext {
  db: Db;
  mark: Mark;
  /** The runs that show signs of life in this very store. */
  livingRuns: () => Promise<string[]>;
  /** The first start in this place: the original may still run elsewhere. */
  newPlace: boolean;
}

/** What is wrong, for people; null when this store is the one. Errors: the store's and the target's. */
export async function whatDiffers(
  ctx: FenceContext,
  target: { id: string; name: string; client: OpenTarget },
  signal: AbortSignal,
): Promise<string | null> {
  const reading = await target.client.readFence(signal);
  if (reading === null) return null;
  const found = reading.mark === null ? null : await judge(ctx, target, reading.mark);
  if (found !== null || !ctx.newPlace) return found;
  return anotherRun(ctx, target, reading, signal);
}

async function judge(
  ctx: FenceContext,
  target: { id: string; name: string },
  mark: TargetMark,
): Promise<string | null> {
  if (mark.epoch < ctx.mark.epoch) return null;
  if (mark.epoch > ctx.mark.epoch)
    return `${target.name} knows epoch ${mark.epoch}, this store is of epoch ${ctx.mark.epoch}.`;
  const row = await ctx.db
    .selectFrom('target_fences')
    .select(['number', 'known'])
    .where('target_id', '=', target.id)
    .executeTakeFirst();
  const number = row?.number ?? 0;
  if (mark.number > number) {
    return `${target.name} has seen mark ${mark.number} (${mark.logSize} audit entries), this store has set ${number}: it is older than what worked there last, or a copy.`;
  }
  const known = (row?.known ?? []) as FenceMark[];
  const same = known.find((one) => one.number === mark.number);
  // One that is no longer remembered is from before: the target itself was restored, and the next mark mends that.
  if (same === undefined || same.nonce === mark.nonce) return null;
  return `${target.name} has mark ${mark.number} from another Sallyport with this installation's id.`;
}

async function anotherRun(
  ctx: FenceContext,
  target: { name: string; client: OpenTarget },
  first: FenceReading,
  signal: AbortSignal,
): Promise<string | null> {
  let reading: FenceReading | null = first;
  const before = new Map(first.others.map((one) => [one.run, one.activeSecondsAgo]));
  for (let waitedMs = 0; reading !== null; waitedMs += LOOK_AGAIN_MS) {
    // Who else is alive shows after a while; the first grant does not wait for that where nobody else is connected.
    if (reading.others.length === 0) return null;
    const living = new Set(await ctx.livingRuns());
    const others = reading.others.filter(
      (one) => !living.has(one.run) && one.activeSecondsAgo < STILL_CONNECTED_SECONDS,
    );
    if (others.length === 0) return null;
    const active = others.find((one) => waitedMs > 0 && one.activeSecondsAgo < (before.get(one.run) ?? 0));
    if (active !== undefined)
      return `Another Sallyport with this installation's id works on ${target.name}, from ${active.address}.`;
    for (const one of others) before.set(one.run, one.activeSecondsAgo);
    await sleep(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
    reading = await target.client.readFence(signal);
  }
  return null;
}

/** Sets the next mark, where the log has grown since the last or the epoch is another. */
export async function countOn(
  ctx: FenceContext,
  target: { id: string; client: OpenTarget },
  signal: AbortSignal,
): Promise<void> {
  const reading = await target.client.readFence(signal);
  if (reading === null) return;
  const nonce = randomBytes(NONCE_BYTES).toString('base64url');
  const next = await ctx.db.transaction().execute(async (trx) => {
    const { size } = await trx.selectFrom('audit_tree').select('size').executeTakeFirstOrThrow();
    await trx
      .insertInto('target_fences')
      .values({ target_id: target.id, known: '[]' })
      .onConflict((oc) => oc.doNothing())
      .execute();
    const row = await trx
      .selectFrom('target_fences')
      .select(['number', 'known', 'log_size'])
      .where('target_id', '=', target.id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const current = reading.mark?.epoch === ctx.mark.epoch && reading.mark.number === row.number;
    if (current && row.log_size === size) return null;
    const number = row.number + 1;
    const known = [...(row.known as FenceMark[]), { number, nonce }].slice(-MOST_KNOWN);
    await trx
      .updateTable('target_fences')
      .set({ number, known: JSON.stringify(known), log_size: size, written_at: sql`now()` })
      .where('target_id', '=', target.id)
      .execute();
    return { epoch: ctx.mark.epoch, number, nonce, logSize: size };
  });
  if (next !== null) await target.client.writeFence(next, signal);
}
