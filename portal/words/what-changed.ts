// What is different about a request since its card was shown: told to an approver whose decision came too late.

import type { Request } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { fromWhom } from './counts.ts';
import { OUTCOMES, REQUEST_STATES } from './states.ts';

const stagesText = (request: Request) =>
  request.decision.obligations.approvals
    .map((stage) => `${stage.count} of ${fromWhom(stage.from)}`)
    .join(', then ') || 'none';

const longestText = (request: Request) => {
  const seconds = request.decision.obligations.maxDurationSeconds;
  return seconds === null ? 'no limit' : describeDuration(seconds);
};

/** Sentences, most important first; empty when nothing that matters has changed. */
export function whatChanged(before: Request, after: Request): string[] {
  const changes: string[] = [];
  if (before.state !== after.state) {
    changes.push(`It is ${REQUEST_STATES[after.state].word.toLowerCase()} now (it was ${before.state}).`);
  }
  if (before.decision.outcome !== after.decision.outcome) {
    changes.push(`Policy now says “${OUTCOMES[after.decision.outcome].word.toLowerCase()}”.`);
  }
  if (stagesText(before) !== stagesText(after)) {
    changes.push(`The approvals needed are now ${stagesText(after)} (they were ${stagesText(before)}).`);
  }
  if (longestText(before) !== longestText(after)) {
    changes.push(`The longest time allowed is now ${longestText(after)} (it was ${longestText(before)}).`);
  }
  const added = after.approvals.filter(
    (fresh) => !before.approvals.some((known) => known.by.id === fresh.by.id),
  );
  for (const fresh of added) {
    changes.push(
      `${fresh.by.displayName} ${fresh.verdict === 'approve' ? 'approved' : 'denied'} it meanwhile.`,
    );
  }
  if (changes.length === 0 && before.digest !== after.digest) changes.push('What was asked for has changed.');
  return changes;
}
