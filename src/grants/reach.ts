// Who can reach what at or below a segment, by the policies in force: principals whom policy cannot tell apart are
// decided for once. Everybody's reach is for who may audit or administer; anyone else sees their own.

import { sql } from 'kysely';
import type { Alike, Reach } from '../api/segments.ts';
import { notFound } from '../base/errors.ts';
import { activePrincipals, type Principal, refOf } from '../identity/principals.ts';
import { forMany, likenessUnder, reachOf } from '../policy/engine/reach.ts';
import type { TargetRow } from '../targets/targets.ts';
import { type TaskRow, taskFits } from '../targets/tasks.ts';
import type { GrantsContext } from './context.ts';
import { type Asked, decisionFacts, loadSponsor, principalFacts } from './facts.ts';
import { seesEverything } from './platform-rights.ts';
import type { Caller } from './submit.ts';

/** Principals that are looked at; of more, the first by name. */
const MOST_PRINCIPALS = 5_000;
/** Tasks on targets that one answer tells of; a segment further down tells of the others. */
const MOST_PLACES = 60;
/** Decisions that one answer costs at most, at some 0.2 ms each. */
const MOST_DECISIONS = 4_000;
/** After so many, others have their turn: sessions go through the same process. */
const DECISIONS_IN_A_ROW = 8;
const MOST_NAMES = 20;

interface Spot {
  target: TargetRow;
  task: Asked['task'];
  timeZone: string;
}

/** Errors: `unknown-segment`. */
export async function reachBelow(ctx: GrantsContext, caller: Caller, segment: string): Promise<Reach> {
  const everybody = seesEverything(ctx, caller);
  const { spots, now } = await spotsBelow(ctx, segment);
  const people = everybody ? await activePrincipals(ctx.db, MOST_PRINCIPALS + 1) : [caller.principal];
  const seen = people.slice(0, MOST_PRINCIPALS);
  const shown = spots.slice(0, MOST_PLACES);
  const { rows, leftPairs } = await decideAll(ctx, caller, seen, shown, now);
  const reaching = rows.filter((row) => row.reached.length > 0);
  return {
    segment,
    of: everybody ? 'everybody' : 'yourself',
    at: now.toISOString(),
    sourceAddress: caller.sourceAddress,
    places: shown.map(({ target, task }) => ({
      target: target.name,
      segment: target.segment,
      task: task.name,
    })),
    rows: reaching,
    without: rows.filter((row) => row.reached.length === 0).reduce((sum, row) => sum + row.count, 0),
    left: {
      principals: people.length > MOST_PRINCIPALS ? await principalsBeyond(ctx) : 0,
      places: spots.length - shown.length,
      pairs: leftPairs,
    },
  };
}

async function spotsBelow(ctx: GrantsContext, segment: string): Promise<{ spots: Spot[]; now: Date }> {
  const { rows } = await sql<{ path: string; time_zone: string; now: Date }>`
    select path, time_zone, now() as now from segments
    where path = ${segment} or starts_with(path, ${`${segment}/`})`.execute(ctx.db);
  const [first] = rows;
  if (first === undefined || !rows.some((row) => row.path === segment)) throw notFound('segment', segment);
  const zones = new Map(rows.map((row) => [row.path, row.time_zone]));
  const [targets, tasks] = await Promise.all([ctx.targets.list(), ctx.tasks.list()]);
  const parents = new Map(tasks.map((task) => [task.name, task.parent]));
  const spots = targets.flatMap((target) => {
    const timeZone = zones.get(target.segment);
    if (timeZone === undefined) return [];
    return tasks
      .filter((task) => taskFits(task, target))
      .map((task) => ({ target, task: { ...task, ancestors: ancestorsOf(task, parents) }, timeZone }));
  });
  return { spots, now: first.now };
}

/** The nearest first. */
function ancestorsOf(task: TaskRow, parents: ReadonlyMap<string, string | null>): string[] {
  const found: string[] = [];
  for (let name = task.parent; name !== null && !found.includes(name); name = parents.get(name) ?? null)
    found.push(name);
  return found;
}

async function decideAll(
  ctx: GrantsContext,
  caller: Caller,
  people: readonly Principal[],
  spots: readonly Spot[],
  now: Date,
): Promise<{ rows: Alike[]; leftPairs: number }> {
  const policies = forMany(ctx.policies.current());
  const likeness = likenessUnder(policies);
  const classes = new Map<string, Principal[]>();
  for (const principal of people) {
    // An agent reaches no further than its own sponsor.
    const key = `${likeness.keyOf(principalFacts(principal))} ${principal.kind === 'agent' ? principal.sponsorId : ''}`;
    const known = classes.get(key);
    if (known === undefined) classes.set(key, [principal]);
    else known.push(principal);
  }
  const rows: Alike[] = [];
  const circumstances = {
    sourceAddress: caller.sourceAddress,
    durationSeconds: 60,
    reason: '',
    ticket: null,
    mfaAgeSeconds: null,
  };
  let decisions = 0;
  let sinceTurn = 0;
  let leftPairs = 0;
  for (const alike of classes.values()) {
    const [first] = alike;
    if (first === undefined) continue;
    const row: Alike = {
      kind: first.kind,
      groups: likeness.groupsOf(principalFacts(first)),
      principals: alike.slice(0, MOST_NAMES).map(refOf),
      count: alike.length,
      reached: [],
    };
    const sponsor = await loadSponsor(ctx.db, first);
    for (const [place, spot] of spots.entries()) {
      if (decisions >= MOST_DECISIONS) {
        leftPairs++;
        continue;
      }
      const { decisions: cost, ...reach } = reachOf(
        policies,
        decisionFacts(first, { ...spot, now }, circumstances, sponsor),
      );
      decisions += cost;
      sinceTurn += cost;
      if (reach.policies.length > 0 || reach.enough.length > 0) row.reached.push({ place, ...reach });
      if (sinceTurn >= DECISIONS_IN_A_ROW) {
        sinceTurn = 0;
        await new Promise(setImmediate);
      }
    }
    rows.push(row);
  }
  rows.sort((a, b) => b.reached.length - a.reached.length || nameOf(a).localeCompare(nameOf(b)));
  return { rows, leftPairs };
}

function nameOf(row: Alike): string {
  return row.groups.join(', ') || (row.principals[0]?.name ?? '');
}

async function principalsBeyond(ctx: GrantsContext): Promise<number> {
  const { count } = await ctx.db
    .selectFrom('principals')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('disabled_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Math.max(0, Number(count) - MOST_PRINCIPALS);
}
