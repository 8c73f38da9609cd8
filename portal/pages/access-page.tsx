// My access: what is open for me now, what I have asked for, what I had.

import { VisuallyHidden } from '@mantine/core';
import { IconDoorEnter } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { liveGrantsQuery, pastGrantsPages } from '../api/grants.ts';
import { requestsQuery } from '../api/requests.ts';
import { ButtonLink } from '../parts/button-link.tsx';
import { Empty } from '../parts/empty.tsx';
import { GrantCard } from '../parts/grant-card.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { MoreButton } from '../parts/more-button.tsx';
import { Page } from '../parts/page.tsx';
import { PastGrant } from '../parts/past-grant.tsx';
import { PendingRequest } from '../parts/pending-request.tsx';
import { RequestLine } from '../parts/request-line.tsx';
import { useMe } from '../parts/use-me.ts';

/** Of the latest requests, how many that came to nothing are shown. */
const MOST_NOT_GRANTED = 5;

export function AccessPage() {
  const me = useMe();
  const live = useQuery(liveGrantsQuery('mine'));
  const pending = useQuery(requestsQuery('mine', 'pending'));
  const past = useInfiniteQuery(pastGrantsPages('mine'));
  const ask = (
    <ButtonLink to="/request" leftSection={<IconDoorEnter size={17} />}>
      New request
    </ButtonLink>
  );
  return (
    <Page title="My access" lead="What is open for you now, and what you have asked for." actions={ask}>
      <section className="sp-section" aria-labelledby="open-now">
        <VisuallyHidden component="h2" id="open-now">
          Open now
        </VisuallyHidden>
        <Loaded query={live} rows={1} rowHeight={240}>
          {(grants) =>
            grants.length === 0 ? (
              <Empty title="Nothing is open">
                You hold no privileges on any target, which is how it should be between errands. Ask for a
                task when you have one.
              </Empty>
            ) : (
              grants.map((grant) => <GrantCard key={grant.id} grant={grant} me={me} />)
            )
          }
        </Loaded>
      </section>
      {pending.data !== undefined && pending.data.items.length === 0 ? null : (
        <section className="sp-section" aria-labelledby="waiting">
          <h2 id="waiting">Waiting for approval</h2>
          <Loaded query={pending} rows={1}>
            {(page) =>
              page.items.map((request) => <PendingRequest key={request.id} request={request} me={me} />)
            }
          </Loaded>
        </section>
      )}
      <NotGranted />
      <section className="sp-section" aria-labelledby="past">
        <h2 id="past">Past</h2>
        <Loaded query={past} rows={3} rowHeight={60}>
          {(pages) => {
            const grants = pages.pages.flatMap((page) => page.items);
            if (grants.length === 0) {
              return <p className="sp-soft">Grants that are over stand here, each with its receipt.</p>;
            }
            return (
              <>
                <ul className="sp-list sp-panel">
                  {grants.map((grant) => (
                    <PastGrant key={grant.id} grant={grant} />
                  ))}
                </ul>
                <MoreButton query={past} />
              </>
            );
          }}
        </Loaded>
      </section>
    </Page>
  );
}

// A denial that came while nobody looked must not vanish from the list of what waits without a word.
function NotGranted() {
  const latest = useQuery(requestsQuery('mine')).data?.items ?? [];
  const refused = latest
    .filter((request) => ['denied', 'cancelled', 'expired'].includes(request.state))
    .slice(0, MOST_NOT_GRANTED);
  if (refused.length === 0) return null;
  return (
    <section className="sp-section" aria-labelledby="not-granted">
      <h2 id="not-granted">Not granted</h2>
      <ul className="sp-list sp-panel">
        {refused.map((request) => (
          <RequestLine key={request.id} request={request} />
        ))}
      </ul>
    </section>
  );
}
