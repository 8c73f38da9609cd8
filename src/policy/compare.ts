// Two sets of policies over the same stored decisions: what one allows and the other does not, who else would have to
// approve, what else would be owed. Pure, and fed piece by piece, so that a thread can do it beside everything else.

import type { PlanExample, PlanLockout, PlanPerson, PlanTally, PolicyPlan } from '../api/policy-plan.ts';
import { MOST_PLAN_EXAMPLES, MOST_PLAN_PEOPLE } from '../api/policy-plan.ts';
import { canonicalJson } from '../base/canonical-json.ts';
import { type CompiledPolicies, withoutExpired } from './engine/compile.ts';
import { decideOutcome, permitted } from './engine/decide.ts';
import { decideExtension } from './engine/extension.ts';
import type { DecisionFacts, Obligations, Outcome } from './engine/facts.ts';
import { Memory, remembering } from './engine/memory.ts';

/** A stored decision. `action` is one of request, extend, connect. */
export interface StoredRow {
  action: string;
  outcome: string;
  policyDigest: string;
  facts: DecisionFacts;
  obligations: Obligations;
  /** ISO 8601. */
  at: string;
}

interface Side {
  outcome: Outcome;
  obligations: Obligations;
  determining: string[];
}

type Category = 'newlyAllowed' | 'newlyDenied' | 'otherApprovers' | 'otherObligations';

export type Compared = Pick<PolicyPlan, Category | 'people' | 'lockedOut' | 'differences'> & {
  replayed: number;
  unreadable: number;
};

/** A person, an action, a task and a target: what somebody can be locked out of. */
interface Way {
  lockout: PlanLockout;
  had: number;
  left: number;
  /** Of those left, how many a policy's expiry ends, and when the last of them does. */
  ending: number;
  fromMs: number;
}

const MOST_WAYS = 20_000;
const MOST_PEOPLE = 20_000;
/** Moments at which policies of the candidate expire that are looked at. */
const MOST_EXPIRIES = 10;

export class Comparison {
  readonly #before: CompiledPolicies;
  readonly #after: CompiledPolicies;
  /** True when what is stored under the digest in force is what it would decide now. */
  readonly #storedHolds: boolean;
  readonly #later: { atMs: number; policies: CompiledPolicies }[];
  readonly #tallies: Record<Category, PlanTally> = {
    newlyAllowed: { count: 0, examples: [] },
    newlyDenied: { count: 0, examples: [] },
    otherApprovers: { count: 0, examples: [] },
    otherObligations: { count: 0, examples: [] },
  };
  readonly #people = new Map<string, PlanPerson>();
  readonly #ways = new Map<string, Way>();
  #replayed = 0;
  #unreadable = 0;

  /** Policies that have expired by `nowMs` count in neither set: they will never decide again. */
  constructor(before: CompiledPolicies, after: CompiledPolicies, nowMs: number) {
    // One memory: what the change leaves alone is asked once for both sets.
    const memory = new Memory();
    this.#before = remembering(withoutExpired(before, nowMs), memory);
    this.#after = remembering(withoutExpired(after, nowMs), memory);
    this.#storedHolds = this.#before.rules.length === before.rules.length;
    const expiries = this.#after.rules.flatMap((rule) => rule.notes.expiresAtMs ?? []);
    this.#later = [...new Set(expiries)]
      .sort((a, b) => a - b)
      .slice(0, MOST_EXPIRIES)
      .map((atMs) => ({ atMs, policies: withoutExpired(this.#after, atMs) }));
  }

  /** Newest first, so that the examples are the newest. */
  add(rows: readonly StoredRow[]): void {
    for (const row of rows) {
      this.#replayed++;
      try {
        this.#compare(row);
      } catch {
        // Facts of an older shape, or of a target that Cedar cannot hold any more: told as a number, not as an end.
        this.#unreadable++;
      }
    }
  }

  result(): Compared {
    const people = [...this.#people.values()].sort((a, b) => totalOf(b) - totalOf(a));
    const lockouts = [...this.#ways.values()].flatMap(lockoutOf).sort((a, b) => b.count - a.count);
    return {
      ...this.#tallies,
      differences: Object.values(this.#tallies).reduce((sum, tally) => sum + tally.count, 0),
      people: { count: people.length, most: people.slice(0, MOST_PLAN_PEOPLE) },
      lockedOut: { count: lockouts.length, first: lockouts.slice(0, MOST_PLAN_PEOPLE) },
      replayed: this.#replayed,
      unreadable: this.#unreadable,
    };
  }

  #compare(row: StoredRow): void {
    const stored = this.#storedHolds && row.policyDigest === this.#before.digest;
    const before: Side = stored
      ? { outcome: outcomeIn(row), obligations: row.obligations, determining: [] }
      : decideAs(this.#before, row);
    const after = decideAs(this.#after, row);
    this.#follow(row, before, after);
    const category = categoryOf(before, after);
    if (category === null) return;
    const tally = this.#tallies[category];
    tally.count++;
    if (tally.examples.length < MOST_PLAN_EXAMPLES) {
      tally.examples.push(exampleOf(row, stored ? decideAs(this.#before, row) : before, after));
    }
    const { name } = row.facts.principal;
    const person = this.#people.get(name) ?? {
      principal: name,
      newlyAllowed: 0,
      newlyDenied: 0,
      otherApprovers: 0,
      otherObligations: 0,
    };
    person[category]++;
    if (this.#people.size < MOST_PEOPLE) this.#people.set(name, person);
  }

  // Locked out is who got something before and gets none of it afterwards, at once or from an expiry on.
  #follow(row: StoredRow, before: Side, after: Side): void {
    if (before.outcome === 'deny') return;
    const { principal, target, task } = row.facts;
    const key = [principal.name, row.action, task.name, target.name].join(' ');
    const way = this.#ways.get(key) ?? {
      lockout: {
        principal: principal.name,
        action: row.action,
        task: task.name,
        target: target.name,
        count: 0,
        from: null,
      },
      had: 0,
      left: 0,
      ending: 0,
      fromMs: 0,
    };
    if (this.#ways.size < MOST_WAYS) this.#ways.set(key, way);
    way.had++;
    if (after.outcome === 'deny') return;
    way.left++;
    const end = this.#endOf(row, after);
    if (end === null) return;
    way.ending++;
    way.fromMs = Math.max(way.fromMs, end);
  }

  /** When an expiry takes away what the candidate gives; null when none does. */
  #endOf(row: StoredRow, after: Side): number | null {
    if (this.#later.length === 0 || !this.#rests(after)) return null;
    return this.#later.find(({ policies }) => decideAs(policies, row).outcome === 'deny')?.atMs ?? null;
  }

  #rests(after: Side): boolean {
    return this.#after.rules.some(
      (rule) => rule.notes.expiresAtMs !== null && after.determining.includes(rule.id),
    );
  }
}

function decideAs(policies: CompiledPolicies, row: StoredRow): Side {
  if (row.action === 'connect') {
    const { allowed, obligations, determining } = permitted(policies, 'connect', row.facts);
    return { outcome: allowed ? 'allow' : 'deny', obligations, determining };
  }
  return row.action === 'extend'
    ? decideExtension(policies, row.facts).decided
    : decideOutcome(policies, row.facts);
}

function outcomeIn(row: StoredRow): Outcome {
  return row.outcome === 'allow' || row.outcome === 'needs-approval' ? row.outcome : 'deny';
}

function categoryOf(before: Side, after: Side): Category | null {
  if (before.outcome === 'deny' || after.outcome === 'deny') {
    if (before.outcome === after.outcome) return null;
    return after.outcome === 'deny' ? 'newlyDenied' : 'newlyAllowed';
  }
  const stages = ({ obligations }: Side) => canonicalJson(obligations.approvals);
  if (before.outcome !== after.outcome || stages(before) !== stages(after)) return 'otherApprovers';
  return canonicalJson(before.obligations) === canonicalJson(after.obligations) ? null : 'otherObligations';
}

function exampleOf(row: StoredRow, before: Side, after: Side): PlanExample {
  const { principal, target, task, context } = row.facts;
  const side = ({ outcome, obligations, determining }: Side) => ({
    outcome,
    obligations,
    policies: determining,
  });
  return {
    action: row.action,
    principal: principal.name,
    target: target.name,
    segment: target.segment,
    task: task.name,
    durationSeconds: context.durationSeconds,
    sourceAddress: context.sourceIp,
    at: row.at,
    before: side(before),
    after: side(after),
  };
}

function lockoutOf(way: Way): PlanLockout[] {
  if (way.left === 0) return [{ ...way.lockout, count: way.had, from: null }];
  if (way.ending < way.left) return [];
  return [{ ...way.lockout, count: way.had, from: new Date(way.fromMs).toISOString() }];
}

function totalOf(person: PlanPerson): number {
  return person.newlyAllowed + person.newlyDenied + person.otherApprovers + person.otherObligations;
}
