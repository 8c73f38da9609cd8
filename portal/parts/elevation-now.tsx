// How one elevation stands now, for whoever looks: its holder works with the grant, its approver decides, its
// requester waits, anyone else reads.

import type { Grant } from '../../src/api/grants.ts';
import type { Me } from '../../src/api/people.ts';
import type { Request } from '../../src/api/requests.ts';
import { REQUEST_STATES } from '../words/states.ts';
import { ApprovalCard } from './approval-card.tsx';
import { DecisionView } from './decision-view.tsx';
import { GrantCard } from './grant-card.tsx';
import { OthersGrant } from './others-grant.tsx';
import { OverGrant } from './over-grant.tsx';
import { PendingRequest } from './pending-request.tsx';
import { SameAgain } from './same-again.tsx';
import { StateBadge } from './state-badge.tsx';
import { Verdicts } from './verdicts.tsx';

interface Props {
  request: Request;
  grant: Grant | null;
  me: Me;
}

export function ElevationNow({ request, grant, me }: Props) {
  const mine = request.requester.id === me.id;
  if (request.state === 'pending') {
    return mine ? <PendingRequest request={request} me={me} /> : <ApprovalCard request={request} />;
  }
  if (grant !== null && grant.state !== 'revoked') {
    return mine ? <GrantCard grant={grant} me={me} linked={false} /> : <OthersGrant grant={grant} />;
  }
  if (grant !== null) return <OverGrant grant={grant} mine={mine} />;
  if (request.state === 'approved') return null;
  return (
    <div className="sp-panel sp-pad sp-stack">
      {request.approvals.some((given) => given.verdict === 'deny') ? null : (
        <div className="sp-row">
          <StateBadge words={REQUEST_STATES[request.state]} />
          <span className="sp-soft">{REQUEST_STATES[request.state].meaning}</span>
        </div>
      )}
      <Verdicts approvals={request.approvals} />
      {request.decision.outcome === 'deny' ? <DecisionView decision={request.decision} /> : null}
      {mine ? (
        <div>
          <SameAgain requestId={request.id} what={`${request.task.name} on ${request.target.name}`} />
        </div>
      ) : null}
    </div>
  );
}
