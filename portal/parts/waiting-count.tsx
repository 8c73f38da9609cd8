// How many requests wait for the reader's decision: the number beside Approvals.

import { useQuery } from '@tanstack/react-query';
import { requestsQuery } from '../api/requests.ts';
import { counted } from '../words/counts.ts';

export function useWaitingCount(): number {
  const pending = useQuery(requestsQuery('approvals', 'pending')).data?.items ?? [];
  return pending.filter((request) => request.mayApprove).length;
}

export function WaitingCount({ className }: { className?: string | undefined }) {
  const count = useWaitingCount();
  if (count === 0) return null;
  return (
    <span
      className={className}
      title={`${counted(count, 'request waits', 'requests wait')} for your decision`}
    >
      {count}
    </span>
  );
}
