// A recording: watch it at the top, read it below; both point at the same statement.

import { useEffect, useMemo, useRef, useState } from 'react';
import type { SessionDetail, Statement } from '../../src/api/sessions.ts';
import { isOnHost } from '../words/host-entry.ts';
import { indexAt, layOut } from '../words/replay.ts';
import { Empty } from './empty.tsx';
import { HostRecording } from './host-recording.tsx';
import { MoreButton } from './more-button.tsx';
import { ReplayStage } from './replay-stage.tsx';
import { StatementList } from './statement-list.tsx';
import { usePlayer } from './use-player.ts';

interface Props {
  session: SessionDetail;
  statements: Statement[];
  more: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function Recording({ session, statements, more }: Props) {
  const { moments, totalMs } = useMemo(() => layOut(statements), [statements]);
  const player = usePlayer(totalMs, session.live ? totalMs : 0);
  const [followed, setFollowed] = useState(session.live);
  const count = useRef(statements.length);
  const current = indexAt(moments, player.atMs);

  // A live session is followed until the reader takes over.
  useEffect(() => {
    if (followed && statements.length !== count.current) player.jump(totalMs);
    count.current = statements.length;
  }, [followed, statements.length, totalMs, player.jump]);

  if (session.recording.state === 'removed') return null;
  const onHost = isOnHost(session);
  if (statements.length === 0) {
    return (
      <section className="sp-section">
        <Empty title={onHost ? 'Nothing was done' : 'No statements'}>
          {onHost
            ? session.live
              ? 'The client is connected and has not asked for anything yet. What it does appears here as it comes.'
              : 'The client logged in and asked for nothing.'
            : session.live
              ? 'The client is connected and has not sent anything yet. Statements appear here as they come.'
              : 'The client connected and sent nothing.'}
        </Empty>
      </section>
    );
  }
  if (onHost) return <HostRecording session={session} statements={statements} more={more} />;
  const jump = (index: number) => {
    setFollowed(false);
    player.jump(moments[index]?.fromMs ?? 0);
  };
  return (
    <>
      <section className="sp-section" aria-labelledby="replay">
        <h2 id="replay">Replay</h2>
        <ReplayStage
          statements={statements}
          moments={moments}
          totalMs={totalMs}
          player={player}
          current={current}
          onTouch={() => setFollowed(false)}
        />
      </section>
      <section className="sp-section" aria-labelledby="statements">
        <h2 id="statements">Statements</h2>
        <StatementList statements={statements} current={current} onJump={jump} />
        <MoreButton query={more} label="Show more statements" />
      </section>
    </>
  );
}
