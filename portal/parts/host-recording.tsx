// The recording of a session on a host: its terminals to watch, and everything that was done to read.

import { useState } from 'react';
import type { SessionDetail, Statement } from '../../src/api/sessions.ts';
import { hasTerminal } from '../words/host-entry.ts';
import { HostEntries } from './host-entries.tsx';
import { MoreButton } from './more-button.tsx';
import { TerminalReplay } from './terminal-replay.tsx';

interface Props {
  session: SessionDetail;
  statements: Statement[];
  more: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function HostRecording({ session, statements, more }: Props) {
  const [chosen, setChosen] = useState<number | null>(null);
  const first = statements.find(hasTerminal)?.index ?? null;
  const shown = chosen ?? first;
  const entry = statements.find((one) => one.index === shown);
  return (
    <>
      {entry === undefined ? null : (
        <section className="sp-section" aria-labelledby="replay">
          <h2 id="replay">Replay</h2>
          <TerminalReplay sessionId={session.id} entry={entry} />
        </section>
      )}
      <HostEntries entries={statements} shown={shown} onShow={setChosen} />
      <MoreButton query={more} label="Show more" />
    </>
  );
}
