// One elevation from the request to the proof that it is over: what can be done with it now, and what happened.

import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
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
import { happeningsOf, passageOf } from '../words/elevation.ts';
import { mayAudit } from '../words/may.ts';

// While somebody waits for a decision or for the doors, hints may be late: ask as well.
const WAITING_MS = 3_000;

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
        (known.grants ?? [known.grant]).every(
          (one) => one === null || ['active', 'revoked'].includes(one.state),
        );
      return settled ? false : WAITING_MS;
    },
  });
  const grantId = asked.data?.grant?.id ?? null;
  const sessions = useQuery({ ...grantSessionsQuery(grantId ?? ''), enabled: grantId !== null });
  const known = asked.data;
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
        {({ request, grant, grants }) => (
          <>
            {grants === undefined || grants.length === 0 ? (
              <ElevationNow request={request} grant={grant} me={me} />
            ) : (
              grants.map((one) => <ElevationNow key={one.id} request={request} grant={one} me={me} />)
            )}
            <section className="sp-section" aria-labelledby="passage">
              <h2 id="passage">The passage</h2>
              <div className="sp-panel sp-pad">
                <PassagePicture passage={passageOf(request, grant)} />
              </div>
            </section>
            <section className="sp-section" aria-labelledby="happened">
              <h2 id="happened">What happened</h2>
              <div className="sp-panel sp-pad">
                <Happenings list={happeningsOf(request, grant, sessions.data ?? [])} />
              </div>
            </section>
            {grant?.endedAt == null ? null : <ElevationReceipt grantId={grant.id} />}
            {mayAudit(me) === null ? <ElevationEvidence requestId={request.id} grantId={grantId} /> : null}
            <p className="sp-soft sp-small sp-section">
              <span>
                Request <span className="sp-mono">{request.id}</span>
                {grant === null ? null : (
                  <>
                    {' '}
                    · grant <span className="sp-mono sp-wrap">{grant.id}</span>
                  </>
                )}
              </span>
            </p>
          </>
        )}
      </Loaded>
    </Page>
  );
}
