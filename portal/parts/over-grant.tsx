// A grant that is over: that it is, why, and the way to ask for the same once more.

import type { Grant } from '../../src/api/grants.ts';
import { capital } from '../words/counts.ts';
import { GRANT_STATES } from '../words/states.ts';
import { SameAgain } from './same-again.tsx';
import { StateBadge } from './state-badge.tsx';

export function OverGrant({ grant, mine }: { grant: Grant; mine: boolean }) {
  return (
    <div className="sp-panel sp-pad sp-row" role="status">
      <StateBadge words={GRANT_STATES[grant.state]} />
      <span className="sp-wrap">
        {grant.endReason === null ? '' : `${capital(grant.endReason)}. `}
        {GRANT_STATES[grant.state].meaning}
      </span>
      {mine ? <SameAgain requestId={grant.requestId} what={`${grant.task} on ${grant.target}`} /> : null}
    </div>
  );
}
