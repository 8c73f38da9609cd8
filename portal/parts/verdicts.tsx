// Who else has said yes or no to a request.

import type { Approval } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

const YES = { word: 'Approved', tone: 'good', meaning: 'Said yes.' } as const;
const NO = { word: 'Denied', tone: 'bad', meaning: 'Said no.' } as const;

export function Verdicts({ approvals }: { approvals: Approval[] }) {
  if (approvals.length === 0) return null;
  return (
    <ul className="sp-list sp-stack">
      {approvals.map((given) => (
        <li key={`${given.by.id} ${given.at}`} className="sp-row">
          <StateBadge words={given.verdict === 'approve' ? YES : NO} />
          <span className="sp-wrap">
            by {given.by.displayName}
            {given.onBehalfOf === null ? '' : ` for ${given.onBehalfOf.displayName}`}
            {given.durationSeconds === null ? '' : ` for ${describeDuration(given.durationSeconds)}`}
            {given.reason === null ? '' : `: ${given.reason}`}
          </span>
          <span className="sp-soft sp-small">
            <When at={given.at} as="ago" />
          </span>
        </li>
      ))}
    </ul>
  );
}
