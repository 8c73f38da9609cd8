// One session: its figures, what it does while it runs, its recording to watch, what was done to read, and a way to end it.

import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { sessionPages } from '../api/sessions.ts';
import { EndSession } from '../parts/end-session.tsx';
import { HoldRecording } from '../parts/hold-recording.tsx';
import { LiveSession } from '../parts/live-session.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { Recording } from '../parts/recording.tsx';
import { SessionFacts } from '../parts/session-facts.tsx';
import { useMe } from '../parts/use-me.ts';
import { useWatch } from '../parts/use-watch.ts';
import { isOnHost, withRunning } from '../words/host-entry.ts';
import { mergeStatements } from '../words/live-session.ts';

export function SessionPage() {
  const { id } = useParams({ from: '/in/sessions/$id' });
  const me = useMe();
  const detail = useInfiniteQuery(sessionPages(id));
  const first = detail.data?.pages[0];
  const { seen, failure } = useWatch(id, first?.live === true);
  return (
    <Page
      title={first === undefined ? 'Session' : `${first.principal.displayName} on ${first.target}`}
      lead={
        first === undefined
          ? undefined
          : `${first.live ? 'Working' : 'Worked'} as ${first.task}, with ${first.application ?? 'a client'} from ${first.clientAddress}.`
      }
      above={
        <Link to="/sessions" search={first?.live === false ? { show: 'ended' } : {}} className="sp-link">
          Sessions
        </Link>
      }
      actions={
        first === undefined ? undefined : (
          <>
            <HoldRecording session={first} me={me} />
            <EndSession session={first} me={me} />
          </>
        )
      }
    >
      <Loaded query={detail} rows={3} rowHeight={140}>
        {(pages) => {
          const session = pages.pages[0];
          if (session === undefined) return null;
          const recorded = pages.pages.flatMap((page) => page.statementList);
          // What is watched is newer than what was read, and there on any replica.
          const newer = detail.hasNextPage ? [] : (seen?.statements ?? []);
          const now =
            seen === null || !session.live ? session : { ...session, ...seen.session, kept: session.kept };
          return (
            <>
              {/* Once it is over, what was read last is newer than the last picture of it. */}
              <SessionFacts session={session.live ? withRunning(now, seen?.statements ?? recorded) : now} />
              {session.live ? <LiveSession seen={seen} failure={failure} onHost={isOnHost(session)} /> : null}
              <Recording session={session} statements={mergeStatements(recorded, newer)} more={detail} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
