// When the mere passing of time can change an answer: policies compare the clock with fixed moments only, so between two
// of them a decision stays as it is. Whoever decides live grants again looks only when one has passed.

import type { CompiledPolicies } from './compile.ts';
import { contextAttribute, isRecord, literalOf, parseCedarDurationMs } from './expressions.ts';
import type { Action } from './facts.ts';
import { localMoment } from './local-time.ts';

export interface Moments {
  /** Seconds of the day, in order. */
  clock: number[];
  /** Milliseconds since 1970, in order. */
  instants: number[];
  days: boolean;
  /** Some policy reckons with the time in a way that has no fixed moments. */
  always: boolean;
}

/** How often is often enough where there are no fixed moments. */
const ALWAYS_EVERY_MS = 2_000;
const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='];

const known = new WeakMap<CompiledPolicies, Map<string, Moments>>();

/** Of the policies on these actions. */
export function momentsOf(policies: CompiledPolicies, actions: readonly Action[]): Moments {
  const bySet = known.get(policies) ?? new Map<string, Moments>();
  known.set(policies, bySet);
  const kept = bySet.get(actions.join());
  if (kept !== undefined) return kept;
  const found = { clock: new Set<number>(), instants: new Set<number>(), days: false, always: false };
  for (const rule of policies.rules) {
    if (!actions.some((action) => rule.actions.includes(action))) continue;
    note(rule.json.conditions, found);
    if (rule.notes.expiresAtMs !== null) found.instants.add(rule.notes.expiresAtMs);
  }
  const inOrder = (numbers: Set<number>) => [...numbers].sort((a, b) => a - b);
  const moments = { ...found, clock: inOrder(found.clock), instants: inOrder(found.instants) };
  bySet.set(actions.join(), moments);
  return moments;
}

/** The same text: nothing has changed between two moments as far as policies look at the time. */
export function spanOf(moments: Moments, nowMs: number, timeZone: string): string {
  const { clock, instants, days, always } = moments;
  const passed = (edges: number[], at: number) => edges.filter((edge) => edge <= at).length;
  const local = clock.length > 0 || days ? localMoment(nowMs, timeZone) : null;
  return [
    local === null ? '' : `${days ? local.day : ''} ${passed(clock, local.secondsOfDay)}`,
    passed(instants, nowMs),
    always ? Math.floor(nowMs / ALWAYS_EVERY_MS) : '',
  ].join('/');
}

type Found = { clock: Set<number>; instants: Set<number>; days: boolean; always: boolean };

function note(node: unknown, into: Found): void {
  if (Array.isArray(node)) {
    for (const item of node) note(item, into);
    return;
  }
  if (!isRecord(node)) return;
  const attribute = contextAttribute(node);
  if (attribute === 'dayOfWeek') into.days = true;
  if (attribute === 'now' || attribute === 'localTime' || node.Var === 'context') into.always = true;
  if (attribute !== null) return;
  for (const [op, body] of Object.entries(node)) {
    if (COMPARISONS.includes(op) && isRecord(body) && noteComparison(body, into)) continue;
    if (op === 'has' && isRecord(body) && isRecord(body.left) && body.left.Var === 'context') continue;
    note(body, into);
  }
}

/** True when it compares the clock with a fixed moment: both sides are then taken. */
function noteComparison(body: Record<string, unknown>, into: Found): boolean {
  for (const [side, other] of [
    [body.left, body.right],
    [body.right, body.left],
  ]) {
    const attribute = contextAttribute(side);
    if (attribute === 'localTime') {
      const ms = parseCedarDurationMs(other);
      if (ms === null) continue;
      // `<` changes at the moment itself, `<=` right after it.
      const seconds = Math.ceil(ms / 1000);
      into.clock.add(seconds).add(seconds + 1);
      return true;
    }
    if (attribute === 'now') {
      const ms = Date.parse(literalOf(other, 'datetime') ?? '');
      if (Number.isNaN(ms)) continue;
      into.instants.add(ms).add(ms + 1);
      return true;
    }
  }
  return false;
}
