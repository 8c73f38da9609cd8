// How many requests and single statements wait for the reader's decision: the number beside Approvals.

import { useQuery } from '@tanstack/react-query';
import { requestsQuery } from '../api/requests.ts';
import { waitingStatementsQuery } from '../api/statements.ts';
import { counted, listText } from '../words/counts.ts';

function useWaiting(): { requests: number; statements: number } {
  const pending = useQuery(requestsQuery('approvals', 'pending')).data?.items ?? [];
  const statements = useQuery(waitingStatementsQuery).data?.items ?? [];
  return {
    requests: pending.filter((request) => request.mayApprove).length,
    statements: statements.filter((card) => card.mayApprove).length,
  };
}

export function useWaitingCount(): number {
  const { requests, statements } = useWaiting();
  return requests + statements;
}

export function WaitingCount({ className }: { className?: string | undefined }) {
  const { requests, statements } = useWaiting();
  if (requests + statements === 0) return null;
  const what = [
    ...(requests === 0 ? [] : [counted(requests, 'request', 'requests')]),
    ...(statements === 0 ? [] : [counted(statements, 'statement', 'statements')]),
  ];
  const wait = requests + statements === 1 ? 'waits' : 'wait';
  return (
    <span className={className} title={`${listText(what)} ${wait} for your decision`}>
      {requests + statements}
    </span>
  );
}
