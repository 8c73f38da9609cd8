// The queue of cards, those that the reader can decide first. A card that was here stays in its place until the page
// is left, and shows what became of it, whoever decided: nobody wonders where it went.

import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Request } from '../../src/api/requests.ts';
import { requestQuery } from '../api/requests.ts';
import { ApprovalCard } from './approval-card.tsx';
import styles from './approval-queue.module.css';
import { RequestLine } from './request-line.tsx';

export function ApprovalQueue({ pending, empty }: { pending: Request[]; empty: ReactNode }) {
  const [shown, setShown] = useState<Request[]>(() => inTurn(pending));
  const [openId, setOpenId] = useState<string | null>(null);
  useEffect(() => {
    setShown((known) => {
      const kept = known.map((old) => pending.find((fresh) => fresh.id === old.id) ?? old);
      return [...kept, ...inTurn(pending.filter((fresh) => !known.some((old) => old.id === fresh.id)))];
    });
  }, [pending]);
  if (shown.length === 0) return empty;
  const decidable = shown.find((request) => request.mayApprove && request.state === 'pending');
  const open = openId ?? decidable?.id ?? shown[0]?.id;
  return (
    <div className={styles.queue}>
      {shown.map((request) =>
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

const inTurn = (requests: Request[]) =>
  [...requests].sort(
    (a, b) => Number(b.mayApprove) - Number(a.mayApprove) || a.createdAt.localeCompare(b.createdAt),
  );

// Reading the one request tells its requester that it was looked at, so only the open card asks for it.
function OpenCard({ request }: { request: Request }) {
  const fresh = useQuery(requestQuery(request.id)).data?.request ?? request;
  return <ApprovalCard request={fresh} />;
}
