// One elevation from the request to the proof that it is over: what can be done with it now, and what happened.

import { useQueries, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { Fragment } from 'react';
import type { Grant } from '../../src/api/grants.ts';
import type { Submitted } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { requestQuery } from '../api/requests.ts';
import { grantSessionsQuery } from '../api/sessions.ts';
import { ElevationEvidence } from '../parts/elevation-evidence.tsx';
import { ElevationNow } from '../parts/elevation-now.tsx';
import { ElevationReceipt } from '../parts/elevation-receipt.tsx';
import { Happenings } from '../parts/happenings.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { PassagePicture } from '../parts/passage-picture.tsx';
import { useMe } from '../parts/use-me.ts';
import { askedText } from '../words/asked.ts';
import { happeningsOf, passageOf, timesOf } from '../words/elevation.ts';
import { mayAudit } from '../words/may.ts';

// While somebody waits for a decision or for the doors, hints may be late: ask as well.
const WAITING_MS = 3_000;

/** Of a bundle every one, else the one, or none. */
const grantsOf = (known: Submitted | undefined): Grant[] =>
  known === undefined ? [] : (known.grants ?? (known.grant === null ? [] : [known.grant]));

export function ElevationPage() {
  const { id } = useParams({ from: '/in/requests/$id' });
  const me = useMe();
  const asked = useQuery({
    ...requestQuery(id),
    refetchInterval: (query) => {
      const known = query.state.data;
      const settled =
        known !== undefined &&
        known.request.state !== 'pending' &&
        grantsOf(known).every((one) => ['active', 'revoked'].includes(one.state));
      return settled ? false : WAITING_MS;
    },
  });
  const known = asked.data;
  const grants = grantsOf(known);
  const sessions = useQueries({ queries: grants.map((one) => grantSessionsQuery(one.id)) });
  const title = known === undefined ? 'Request' : askedText(known.request);
  return (
    <Page
      title={title}
      lead={
        known === undefined
          ? undefined
          : `Asked by ${known.request.requester.displayName} for ${describeDuration(known.request.durationSeconds)}: ${known.request.reason}`
      }
    >
      <Loaded query={asked} rows={2} rowHeight={180}>
        {({ request }) => (
          <>
            {grants.length === 0 ? (
              <ElevationNow request={request} grant={null} me={me} />
            ) : (
              <div className="sp-stack">
                {grants.map((one) => (
                  <ElevationNow key={one.id} request={request} grant={one} me={me} />
                ))}
              </div>
            )}
            <section className="sp-section" aria-labelledby="passage">
              <h2 id="passage">The passage</h2>
              <div className="sp-panel sp-pad">
                <PassagePicture passage={passageOf(request, timesOf(grants))} />
              </div>
            </section>
            <section className="sp-section" aria-labelledby="happened">
              <h2 id="happened">What happened</h2>
              <div className="sp-panel sp-pad">
                <Happenings
                  list={happeningsOf(
                    request,
                    grants,
                    sessions.flatMap((one) => one.data ?? []),
                  )}
                />
              </div>
            </section>
            {grants.map((one) =>
              one.endedAt === null ? null : (
                <ElevationReceipt
                  key={one.id}
                  grantId={one.id}
                  of={grants.length === 1 ? '' : ` of ${one.task} on ${one.target}`}
                />
              ),
            )}
            {mayAudit(me) === null ? (
              <ElevationEvidence requestId={request.id} grantIds={grants.map((one) => one.id)} />
            ) : null}
            <p className="sp-soft sp-small sp-section">
              <span>
                Request <span className="sp-mono">{request.id}</span>
                {grants.map((one) => (
                  <Fragment key={one.id}>
                    {' '}
                    · grant <span className="sp-mono sp-wrap">{one.id}</span>
                  </Fragment>
                ))}
              </span>
            </p>
          </>
        )}
      </Loaded>
    </Page>
  );
}
