// The recording of a session on a host: its terminals to watch, and everything that was done to read.

import { useState } from 'react';
import type { SessionDetail, Statement } from '../../src/api/sessions.ts';
import { hasTerminal } from '../words/host-entry.ts';
import { MoreButton } from './more-button.tsx';
import { StatementList } from './statement-list.tsx';
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
      <section className="sp-section" aria-labelledby="statements">
        <h2 id="statements">What was done</h2>
        <StatementList
          statements={statements}
          current={statements.findIndex((one) => one.index === shown)}
          onJump={(position) => {
            const one = statements[position];
            if (one !== undefined && hasTerminal(one)) setChosen(one.index);
          }}
        />
        <MoreButton query={more} label="Show more" />
      </section>
    </>
  );
}
