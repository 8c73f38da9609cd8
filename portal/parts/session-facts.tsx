// A session in figures, and whether its recording can be trusted.

import type { SessionDetail } from '../../src/api/sessions.ts';
import { keptWords } from '../../src/base/control-words.ts';
import { useNow } from '../time/use-now.ts';
import { secondsBetween, spanText } from '../time/when.ts';
import { bytesText, capital } from '../words/counts.ts';
import { isOnHost } from '../words/host-entry.ts';
import type { StateWords } from '../words/states.ts';
import { type Fact, Facts } from './facts.tsx';
import { Trouble } from './failure-note.tsx';
import { GrantLink } from './grant-link.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

const LIVE: StateWords = { word: 'Live', tone: 'open', meaning: 'A client is connected.' };
const OVER: StateWords = { word: 'Over', tone: 'quiet', meaning: 'The client is gone.' };

export function SessionFacts({ session }: { session: SessionDetail }) {
  const now = useNow();
  const lasted = secondsBetween(session.startedAt, session.endedAt ?? new Date(now).toISOString());
  return (
    <div className="sp-panel sp-pad sp-stack">
      <div className="sp-row">
        <StateBadge words={session.live ? LIVE : OVER} />
        {session.endReason === null ? null : <span className="sp-wrap">{capital(session.endReason)}</span>}
      </div>
      <Facts
        facts={[
          { name: 'Began', value: <When at={session.startedAt} as="exact" /> },
          { name: session.live ? 'Running for' : 'Lasted', value: spanText(lasted) },
          ...(isOnHost(session) ? doneOnHost(session) : doneOnDatabase(session)),
          { name: 'Errors, refused', value: `${session.errors}, ${session.refused}` },
          { name: 'Recording', value: recordingWords(session) },
          ...(session.kept.removedAt === null
            ? [{ name: 'Kept', value: keptWords(session.kept) }]
            : [{ name: 'Removed', value: <When at={session.kept.removedAt} as="exact" /> }]),
          ...(session.kept.hold === null
            ? []
            : [{ name: `Held by ${session.kept.hold.by}`, value: session.kept.hold.reason }]),
          { name: 'Grant', value: <GrantLink grantId={session.grantId} /> },
        ]}
      />
      {session.recording.intact ? null : (
        <Trouble>
          {isAway(session) ? '' : 'The recording is not intact. '}
          {session.recording.problem}
        </Trouble>
      )}
    </div>
  );
}

const doneOnDatabase = (session: SessionDetail): Fact[] => [
  { name: 'Statements', value: session.statements.toLocaleString('en') },
  { name: 'Rows read', value: session.rowsRead.toLocaleString('en') },
  { name: 'Read, written', value: `${bytesText(session.bytesRead)}, ${bytesText(session.bytesWritten)}` },
];

const doneOnHost = (session: SessionDetail): Fact[] => [
  { name: 'Commands', value: session.commands.toLocaleString('en') },
  { name: 'Files copied', value: session.files.toLocaleString('en') },
  { name: 'Forwarded connections', value: session.connections.toLocaleString('en') },
  { name: 'From the host', value: bytesText(session.bytesRead) },
  { name: 'To the host', value: bytesText(session.bytesWritten) },
];

function recordingWords(session: SessionDetail): string {
  if (session.recording.state === 'elsewhere') return 'Not here';
  if (session.recording.state === 'removed') return 'Removed, its time was over';
  if (!session.recording.intact) return 'Not intact';
  return {
    open: 'Being written, chain holds',
    closed: 'Closed, chain holds',
    broken: 'Broken',
    missing: 'Missing',
  }[session.recording.state];
}

const isAway = ({ recording }: SessionDetail): boolean => ['elsewhere', 'removed'].includes(recording.state);
