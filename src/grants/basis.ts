// What a decision on something that lives (a grant, a session) rests on, as one text: the set in force, who holds it and
// who answers for them, task and target, and the time as far as policies look at it. Equal texts are decided alike, so
// whoever decides again does so only where the text has changed.

import { principalsById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import type { Action } from '../policy/engine/facts.ts';
import { momentsOf, spanOf } from '../policy/engine/moments.ts';
import type { GrantsContext } from './context.ts';
import { loadLiveAsked } from './facts.ts';
import type { Holding } from './live-grants.ts';

export interface Basis extends Holding {
  /** All of it; equal texts are decided alike. */
  text: string;
  policies: CompiledPolicies;
}

/** What each living thing rested on when it was last decided here, by its id. */
export type Seen = Map<string, Basis>;

export interface Held {
  principal_id: string;
  target_id: string;
  task_id: string;
  duration_s: number;
  starts_at: Date | null;
}

/** What all of these rest on now, as far as `actions` are decided by it; few queries for all. */
export async function basisNow(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
  held: readonly Held[],
  actions: readonly Action[],
): Promise<(one: Held) => Basis | null> {
  const asked = await loadLiveAsked(ctx.db);
  const holders = await principalsById(ctx.db, [...new Set(held.map((one) => one.principal_id))]);
  const sponsorIds = [...holders.values()].flatMap((holder) => holder.sponsorId ?? []);
  const sponsors = await principalsById(ctx.db, [...new Set(sponsorIds)]);
  const moments = momentsOf(policies, actions);
  // What one person holds of one thing rests on the same; its text is long, and there may be thousands.
  const texts = new Map<string, string>();
  return (one) => {
    const principal = holders.get(one.principal_id);
    const what = asked.get(`${one.target_id} ${one.task_id}`);
    if (principal === undefined || what === undefined) return null;
    const sponsor = sponsors.get(principal.sponsorId ?? '');
    const { now, ...thing } = what;
    const at = Math.max(now.getTime(), one.starts_at?.getTime() ?? 0);
    const span = spanOf(moments, at, what.timeZone);
    const key = JSON.stringify([principal.id, one.target_id, one.task_id, span, one.duration_s]);
    let text = texts.get(key);
    if (text === undefined) {
      text = JSON.stringify([policies.digest, principal, sponsor ?? null, thing, span, one.duration_s]);
      texts.set(key, text);
    }
    return { text, policies, principal, sponsor, asked: what };
  };
}

/** What the choice of whoever changed policy says of what lives; null while this process does not hold the set in force. */
export async function liveGrantsChoice(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
): Promise<'end' | 'run-out' | null> {
  const inForce = await ctx.db
    .selectFrom('policy_sets')
    .select('live_grants')
    .where('in_force', '=', true)
    .where('digest', '=', policies.digest)
    .executeTakeFirst();
  return inForce?.live_grants ?? null;
}

export function forgetOthers(seen: Seen, ids: readonly string[]): void {
  const live = new Set(ids);
  for (const id of seen.keys()) if (!live.has(id)) seen.delete(id);
}
