// Several policies speak, the strictest of each kind holds: so adding a permit may tighten what is owed and can
// never loosen it.

import { noObligations } from './annotations.ts';
import type { Obligations } from './facts.ts';
import { mergeLimits } from './limits.ts';
import { mergeSessionControls } from './session-controls.ts';
import { mergeSessionTerms } from './session-terms.ts';
import { mergeStages } from './stages.ts';

/** Shortest duration, all approval stages (see `mergeStages`), all limits and controls; in a fixed order. */
export function mergeObligations(all: readonly Obligations[]): Obligations {
  const merged = noObligations();
  const masks = new Set<string>();
  for (const one of all) {
    if (one.maxDurationSeconds !== null) {
      merged.maxDurationSeconds = Math.min(
        merged.maxDurationSeconds ?? Number.MAX_SAFE_INTEGER,
        one.maxDurationSeconds,
      );
    }
    if (one.record === 'required') merged.record = 'required';
    if (one.stepUp === 'passkey') merged.stepUp = 'passkey';
    for (const name of one.mask) masks.add(name);
  }
  merged.approvals = mergeStages(all.map((one) => one.approvals));
  merged.mask = [...masks].sort();
  const limits = mergeLimits(all.map((one) => one.limits ?? []));
  return {
    ...merged,
    ...(limits.length === 0 ? {} : { limits }),
    ...mergeSessionTerms(all),
    ...mergeSessionControls(all),
  };
}
