// Approvals: the requests that wait for me, one card open at a time; below, how the latest were decided.

import { useQuery } from '@tanstack/react-query';
import { requestsQuery } from '../api/requests.ts';
import { ApprovalQueue } from '../parts/approval-queue.tsx';
import { Delegations } from '../parts/delegations.tsx';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { RequestLine } from '../parts/request-line.tsx';
import { WaitingStatements } from '../parts/waiting-statements.tsx';

const LATEST = 12;

export function ApprovalsPage() {
  const pending = useQuery(requestsQuery('approvals', 'pending'));
  const latest = useQuery(requestsQuery('all', undefined, LATEST + 10));
  const decided = (latest.data?.items ?? [])
    .filter((request) => request.state !== 'pending')
    .slice(0, LATEST);
  return (
    <Page
      title="Approvals"
      lead="Requests that you can decide. An approval holds for exactly what the card shows."
    >
      <Loaded query={pending} rows={1} rowHeight={420}>
        {(page) => (
          <ApprovalQueue
            pending={page.items}
            empty={
              <Empty title="Nothing waits for you">
                A request that you can decide shows up here by itself, and beside Approvals in the menu.
              </Empty>
            }
          />
        )}
      </Loaded>
      <WaitingStatements />
      {decided.length === 0 ? null : (
        <section className="sp-section" aria-labelledby="decided">
          <h2 id="decided">Decided lately</h2>
          <ul className="sp-list sp-panel">
            {decided.map((request) => (
              <RequestLine key={request.id} request={request} />
            ))}
          </ul>
        </section>
      )}
      <Delegations />
    </Page>
  );
}
