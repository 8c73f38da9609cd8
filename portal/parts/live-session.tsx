// A running session as it happens: how long it may go on, how fast it works, what it does now, what it was told.

import type { SessionLive } from '../../src/api/sessions.ts';
import { serverNowMs } from '../api/server-clock.ts';
import { useNow } from '../time/use-now.ts';
import { localText, spanText } from '../time/when.ts';
import { bytesText, counted } from '../words/counts.ts';
import { paceValues } from '../words/live-session.ts';
import { FailureNote } from './failure-note.tsx';
import styles from './live-session.module.css';
import { PaceChart } from './pace-chart.tsx';
import { When } from './when.tsx';

interface Props {
  seen: SessionLive | null;
  failure: Error | null;
  /** A host has commands and files, no statements and rows. */
  onHost: boolean;
}

/** The rest is counted. */
const MOST_OPEN = 8;

export function LiveSession({ seen, failure, onHost }: Props) {
  const now = useNow();
  return (
    <section className="sp-section" aria-labelledby="live">
      <h2 id="live">As it happens</h2>
      <div className={`sp-panel ${styles.panel}`}>
        {failure === null ? null : <FailureNote error={failure} />}
        <p className={styles.until}>
          {seen?.until == null ? 'Until its grant ends.' : untilText(seen.until, now)}
          {seen === null ? null : <span>{watchersText(seen.watchers)}</span>}
        </p>
        {seen?.saidAt == null ? (
          <p className="sp-soft">Asking the replica that holds the session …</p>
        ) : (
          <Paces seen={seen} now={now} onHost={onHost} />
        )}
        {seen === null || seen.told.length === 0 ? null : (
          <ul className={styles.told} aria-label="What its client was told">
            {seen.told.map((one) => (
              <li key={`${one.at} ${one.text}`}>
                <When at={one.at} as="exact" /> {one.text}
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}

function Paces({ seen, now, onHost }: { seen: SessionLive; now: number; onHost: boolean }) {
  const at = Math.max(now, serverNowMs());
  return (
    <>
      <div className={styles.paces}>
        {onHost ? (
          <>
            <PaceChart name="from the host" values={paceValues(seen.paces, 'bytes', at)} format={bytesText} />
            <PaceChart name="to the host" values={paceValues(seen.paces, 'written', at)} format={bytesText} />
          </>
        ) : (
          <>
            <PaceChart
              name="statements"
              values={paceValues(seen.paces, 'statements', at)}
              format={(value) => value.toLocaleString('en')}
            />
            <PaceChart
              name="rows"
              values={paceValues(seen.paces, 'rows', at)}
              format={(value) => value.toLocaleString('en')}
            />
            <PaceChart name="read" values={paceValues(seen.paces, 'bytes', at)} format={bytesText} />
          </>
        )}
      </div>
      {onHost ? openText(seen, at) : runningText(seen, at)}
    </>
  );
}

function runningText(seen: SessionLive, at: number) {
  const running = seen.statements.filter((one) => one.durationMs === null);
  const [longest] = running;
  if (longest === undefined) return <p className="sp-soft">Nothing runs just now.</p>;
  return (
    <p className={styles.running}>
      {counted(running.length, 'statement')} {running.length === 1 ? 'runs' : 'run'} for{' '}
      {spanText(Math.max(0, at - Date.parse(longest.at)) / 1000)}: <code>{longest.text}</code>
    </p>
  );
}

/** What is open on the host: shells, programs, files that are being copied, connections. */
function openText(seen: SessionLive, at: number) {
  const open = seen.statements.filter((one) => one.durationMs === null && one.text !== 'sftp');
  if (open.length === 0) return <p className="sp-soft">Nothing runs just now.</p>;
  return (
    <ul className={styles.open} aria-label="Open now">
      {open.slice(0, MOST_OPEN).map((one) => (
        <li key={one.index}>
          <code>{one.protocol === 'forward' ? `connection to ${one.text}` : one.text}</code>
          <span>for {spanText(Math.max(0, at - Date.parse(one.at)) / 1000)}</span>
        </li>
      ))}
      {open.length > MOST_OPEN ? <li>and {open.length - MOST_OPEN} more</li> : null}
    </ul>
  );
}

function untilText(until: string, now: number): string {
  const leftMs = Date.parse(until) - now;
  const left = leftMs <= 0 ? 'over now' : `${spanText(Math.ceil(leftMs / 1000))} left`;
  return `Until ${localText(until, now)}, ${left}.`;
}

const watchersText = (watchers: number): string =>
  watchers <= 1 ? 'Only you watch.' : `${watchers} people watch, you among them.`;
