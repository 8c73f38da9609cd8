// Approvals: the statements that wait for me, since those wait for minutes only; the requests, one card open at a time;
// below, how the latest were decided.

import { useQuery } from '@tanstack/react-query';
import { requestsQuery } from '../api/requests.ts';
import { waitingStatementsQuery } from '../api/statements.ts';
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
  const statements = useQuery(waitingStatementsQuery).data?.items ?? [];
  const decided = (latest.data?.items ?? [])
    .filter((request) => request.state !== 'pending')
    .slice(0, LATEST);
  return (
    <Page
      title="Approvals"
      lead="Requests and single statements that you can decide. An approval holds for exactly what the card shows."
    >
      <WaitingStatements cards={statements} />
      <Loaded query={pending} rows={1} rowHeight={420}>
        {(page) => (
          <ApprovalQueue
            pending={page.items}
            empty={
              statements.length > 0 ? null : (
                <Empty title="Nothing waits for you">
                  What you can decide shows up here by itself, and beside Approvals in the menu.
                </Empty>
              )
            }
          />
        )}
      </Loaded>
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
