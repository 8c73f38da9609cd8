// What a change would do, before anybody signs it: the last ninety days made again, rights and approvers, and the live
// grants that would end. Nothing is written but the plan itself, beside its proposal.

import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import {
  MOST_PLAN_GRANTS,
  PLANNED_DAYS,
  type PlanBody,
  type PlanGrant,
  type PlanProgress,
  type PolicyPlan,
  planProgress,
  policyPlan,
} from '../api/policy-plan.ts';
import { messageOf } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { principalFacts } from '../grants/facts.ts';
import { createJudge, liveGrants } from '../grants/live-grants.ts';
import { activePeople } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { compileAside } from '../policy/engine/compile-aside.ts';
import type { PolicyFiles } from '../policy/publish.ts';
import { replayChange } from '../policy/replay-change.ts';

const MOST_PEOPLE = 2_000;
const MOST_JUDGED_GRANTS = 5_000;
/** Grants judged in one turn of the loop: others are served in between. */
const JUDGED_IN_A_TURN = 10;
const MOST_RIGHTS = 200;
const LOOK_EVERY_MS = 5_000;
/** A plan whose process died is begun again after this. */
const STALE_SECONDS = 90;

interface PlanOptions {
  signal?: AbortSignal;
  onProgress?: (progress: PlanProgress) => Promise<void>;
}

/** Errors: `policy-invalid`; those of `replayChange`. */
export async function planChange(
  ctx: GrantsContext,
  files: PolicyFiles,
  choice: PlanBody['liveGrants'],
  options: PlanOptions = {},
): Promise<PolicyPlan> {
  const base = ctx.policies.current();
  const after = await compileAside(files, options.signal);
  const people = (await activePeople(ctx.db, MOST_PEOPLE)).map(principalFacts);
  const replayed = await replayChange(ctx, { before: base, after, people, days: PLANNED_DAYS, ...options });
  const { compared } = replayed;
  return {
    digest: after.digest,
    baseDigest: base.digest,
    madeAt: new Date().toISOString(),
    days: PLANNED_DAYS,
    decisions: {
      stored: replayed.stored,
      replayed: compared.replayed,
      unreadable: compared.unreadable,
      oldest: replayed.oldest,
    },
    differences: compared.differences,
    newlyAllowed: compared.newlyAllowed,
    newlyDenied: compared.newlyDenied,
    otherApprovers: compared.otherApprovers,
    otherObligations: compared.otherObligations,
    people: compared.people,
    lockedOut: compared.lockedOut,
    rights: replayed.rights.slice(0, MOST_RIGHTS),
    approvers: replayed.approvers,
    liveGrants: choice,
    grants: await grantsUnder(ctx, after, choice, after.digest === base.digest),
  };
}

/** `same`: the set in force judges nothing anew. */
async function grantsUnder(
  ctx: GrantsContext,
  policies: CompiledPolicies,
  choice: PlanBody['liveGrants'],
  same: boolean,
): Promise<PolicyPlan['grants']> {
  const found: PolicyPlan['grants'] = { live: 0, judged: 0, end: 0, runOut: 0, first: [] };
  const judge = await createJudge(ctx, policies);
  for await (const grant of liveGrants(ctx)) {
    found.live++;
    if (same || found.judged >= MOST_JUDGED_GRANTS) continue;
    if (found.judged++ % JUDGED_IN_A_TURN === 0) await turn();
    const judged = await judge(grant);
    if (judged === null || judged.noLonger === null) continue;
    const { principal, asked, noLonger } = judged;
    const ends = noLonger.cause === 'forbidden' || choice === 'end';
    found[ends ? 'end' : 'runOut']++;
    const shown: PlanGrant = {
      id: grant.id,
      principal: principal.name,
      task: asked.task.name,
      target: asked.target.name,
      segment: asked.target.segment,
      expiresAt: grant.expires_at?.toISOString() ?? null,
      cause: noLonger.cause,
      ends,
      why: noLonger.note,
    };
    if (found.first.length < MOST_PLAN_GRANTS) found.first.push(shown);
  }
  return found;
}

/** The plan that is kept with a proposal, or how far it is; both null before it was begun. */
export function readPlan(stored: object | null): { plan: PolicyPlan | null; planning: PlanProgress | null } {
  const plan = policyPlan.safeParse(stored);
  const planning = planProgress.safeParse(stored);
  return { plan: plan.data ?? null, planning: plan.success ? null : (planning.data ?? null) };
}

/** Plans what is proposed, one at a time. */
export function createPlanner(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'plans of proposed policies', LOOK_EVERY_MS, async (signal) => {
    const next = await claim(ctx);
    if (next === null) return undefined;
    try {
      const plan = await planChange(ctx, next.files, next.live_grants, {
        signal,
        onProgress: (progress) => write(ctx, next.id, { ...progress, at: new Date().toISOString() }),
      });
      await write(ctx, next.id, plan);
    } catch (error) {
      if (!signal.aborted)
        ctx.log.error({ proposal: next.id, reason: messageOf(error) }, 'a plan could not be made');
      return undefined;
    }
    return 0;
  });
}

async function claim(ctx: GrantsContext) {
  const { rows } = await sql<{ id: string; files: PolicyFiles; live_grants: PlanBody['liveGrants'] }>`
    update policy_proposals set plan = jsonb_build_object('replayed', 0, 'stored', 0,
      'at', to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    where id = (
      select id from policy_proposals
      where state = 'open' and base_digest = ${ctx.policies.current().digest}
        and (plan is null
          or (plan ? 'at' and (plan ->> 'at')::timestamptz < now() - make_interval(secs => ${sql.lit(STALE_SECONDS)})))
      order by id limit 1 for update skip locked)
    returning id, files, live_grants`.execute(ctx.db);
  return rows[0] ?? null;
}

async function write(ctx: GrantsContext, id: string, plan: object): Promise<void> {
  await ctx.db
    .updateTable('policy_proposals')
    .set({ plan: JSON.stringify(plan) })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .execute();
  await publish(ctx.db, { topic: 'policies', id });
}
