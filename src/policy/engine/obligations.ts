// Several policies speak, the strictest of each kind holds: so adding a permit may tighten what is owed and can
// never loosen it.

import { noObligations } from './annotations.ts';
import type { ApprovalStage, Obligations } from './facts.ts';

/** Shortest duration, all approval stages (of one group, the larger count), all controls; in a fixed order. */
export function mergeObligations(all: Iterable<Obligations>): Obligations {
  const merged = noObligations();
  const counts = new Map<string, number>();
  const masks = new Set<string>();
  for (const one of all) {
    if (one.maxDurationSeconds !== null) {
      merged.maxDurationSeconds = Math.min(
        merged.maxDurationSeconds ?? Number.MAX_SAFE_INTEGER,
        one.maxDurationSeconds,
      );
    }
    for (const stage of one.approvals) {
      counts.set(stage.from, Math.max(counts.get(stage.from) ?? 0, stage.count));
    }
    if (one.record === 'required') merged.record = 'required';
    if (one.stepUp === 'passkey') merged.stepUp = 'passkey';
    for (const name of one.mask) masks.add(name);
  }
  merged.approvals = [...counts]
    .map(([from, count]): ApprovalStage => ({ count, from }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  merged.mask = [...masks].sort();
  return merged;
}
