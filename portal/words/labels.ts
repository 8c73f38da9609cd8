// Why a column is suggested, in words.

import type { SuggestedLabel } from '../../src/api/labels.ts';
import { capital } from './counts.ts';

/** `Its name; 180 of 200 values look like mail`. */
export function suggestionText({ because, looksLike, matching, sampled }: SuggestedLabel): string {
  const reasons = because.map((reason) =>
    reason === 'name' ? 'its name' : `${matching} of ${sampled} values look like ${looksLike ?? 'it'}`,
  );
  return capital(reasons.join('; '));
}
