// The queue of cards. A card that was here stays until the page is left, and shows what became of it, whoever
// decided: nobody wonders where it went.

import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Request } from '../../src/api/requests.ts';
import { requestQuery } from '../api/requests.ts';
import { ApprovalCard } from './approval-card.tsx';
import styles from './approval-queue.module.css';
import { RequestLine } from './request-line.tsx';

export function ApprovalQueue({ pending, empty }: { pending: Request[]; empty: ReactNode }) {
  const [shown, setShown] = useState<Request[]>(pending);
  const [openId, setOpenId] = useState<string | null>(null);
  useEffect(() => {
    setShown((known) => {
      const kept = known.map((old) => pending.find((fresh) => fresh.id === old.id) ?? old);
      return [...kept, ...pending.filter((fresh) => !known.some((old) => old.id === fresh.id))];
    });
  }, [pending]);
  if (shown.length === 0) return empty;
  const inTurn = [...shown].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  const decidable = inTurn.find((request) => request.mayApprove && request.state === 'pending');
  const open = openId ?? decidable?.id ?? inTurn[0]?.id;
  return (
    <div className={styles.queue}>
      {inTurn.map((request) =>
        request.id === open ? (
          <OpenCard key={request.id} request={request} />
        ) : (
          <ul key={request.id} className="sp-list sp-panel">
            <RequestLine request={request} onOpen={() => setOpenId(request.id)} />
          </ul>
        ),
      )}
    </div>
  );
}

// Reading the one request tells its requester that it was looked at, so only the open card asks for it.
function OpenCard({ request }: { request: Request }) {
  const fresh = useQuery(requestQuery(request.id)).data?.request ?? request;
  return <ApprovalCard request={fresh} />;
}
