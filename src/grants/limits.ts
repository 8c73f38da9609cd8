// How much is held of what policies limit. Whoever makes or lengthens a grant under a limit first takes the limit's
// lock, in the transaction that writes the grant: so fifty at once are exactly as many as may be.

import { type RawBuilder, sql } from 'kysely';
import type { Db, Trx } from '../db/client.ts';
import type { Principal } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Decided, DecisionFacts, Limit, LimitUse } from '../policy/engine/facts.ts';
import { limitKey } from '../policy/engine/limits.ts';

const WEEK_SECONDS = 7 * 86_400;

interface Holding {
  limits: readonly Limit[];
  principal: Pick<Principal, 'id' | 'samePersonAs'>;
  /** A grant that is lengthened does not count beside itself. */
  butGrant?: string;
}

export interface WithUse {
  facts: DecisionFacts;
  decided: Decided;
}

/** `made` again with what is held, where policy limits that; in a transaction no other grant comes between. */
export async function decideWithin(
  policies: CompiledPolicies,
  store: Db | Trx,
  made: WithUse,
  holding: Omit<Holding, 'limits'>,
  decideBy: (policies: CompiledPolicies, facts: DecisionFacts) => Decided = decide,
): Promise<WithUse> {
  const { limits } = made.decided.obligations;
  if (made.decided.outcome === 'deny' || limits === undefined) return made;
  const facts = { ...made.facts, use: await heldOf(store, { ...holding, limits }) };
  return { facts, decided: decideBy(policies, facts) };
}

/** What is held, by limit. In a transaction it stays so until that ends. */
export async function heldOf(store: Db | Trx, holding: Holding): Promise<LimitUse[]> {
  if (store.isTransaction) await lockLimits(store, holding);
  const person = personOf(holding.principal);
  const use: LimitUse[] = [];
  for (const limit of holding.limits) {
    const { rows } = await sql<{ used: number }>`
      with recursive accounts as (
        select ${person}::text as id
        union select p.id from principals p join accounts a on p.same_person_as = a.id)
      select ${limit.kind === 'active' ? sql`count(*)::float8` : HELD_SECONDS} as used
      from grants g join targets t on t.id = g.target_id
      where ${limit.kind === 'active' ? sql`g.wanted = 'present'` : HELD_THIS_WEEK}
        and ${limit.perPerson ? sql`g.principal_id in (select id from accounts)` : sql`true`}
        and ${within(limit.segment)} and g.id <> ${holding.butGrant ?? ''}`.execute(store);
    use.push({ limit: limitKey(limit), used: Math.ceil(rows[0]?.used ?? 0) });
  }
  return use;
}

/** In one order for everybody, so that no two wait for each other. */
async function lockLimits(trx: Db | Trx, { limits, principal }: Holding): Promise<void> {
  const keys = limits.map((limit) =>
    limit.perPerson ? `person ${personOf(principal)}` : `segment ${limit.segment ?? ''}`,
  );
  for (const key of [...new Set(keys)].sort())
    await sql`select pg_advisory_xact_lock(hashtextextended(${`sallyport limit ${key}`}, 0))`.execute(trx);
}

function personOf(principal: Holding['principal']): string {
  return principal.samePersonAs ?? principal.id;
}

function within(segment: string | null): RawBuilder<unknown> {
  if (segment === null) return sql`true`;
  return sql`(t.segment = ${segment} or starts_with(t.segment, ${`${segment}/`}))`;
}

const WEEK_AGO = sql`now() - make_interval(secs => ${sql.lit(WEEK_SECONDS)})`;
const HELD_THIS_WEEK = sql`(g.wanted = 'present' or (g.activated_at is not null and g.ended_at > ${WEEK_AGO}))`;
/** What is live counts with all that it may still take; what is over with what it took. */
const HELD_SECONDS = sql`coalesce(sum(extract(epoch from greatest(interval '0', case
  when g.wanted = 'absent' and g.claim_s is not null and g.claimed_at is null then interval '0'
  when g.wanted = 'absent' then least(g.ended_at, g.expires_at) - greatest(coalesce(g.claimed_at, g.activated_at), ${WEEK_AGO})
  when g.activated_at is null or (g.claim_s is not null and g.claimed_at is null) then make_interval(secs => g.duration_s)
  else g.expires_at - greatest(coalesce(g.claimed_at, g.activated_at), ${WEEK_AGO}) end))), 0)::float8`;
