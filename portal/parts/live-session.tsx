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

export function LiveSession({ seen, failure }: { seen: SessionLive | null; failure: Error | null }) {
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
          <Paces seen={seen} now={now} />
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

function Paces({ seen, now }: { seen: SessionLive; now: number }) {
  const at = Math.max(now, serverNowMs());
  return (
    <>
      <div className={styles.paces}>
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
      </div>
      {runningText(seen, at)}
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

function untilText(until: string, now: number): string {
  const leftMs = Date.parse(until) - now;
  const left = leftMs <= 0 ? 'over now' : `${spanText(Math.ceil(leftMs / 1000))} left`;
  return `Until ${localText(until, now)}, ${left}.`;
}

const watchersText = (watchers: number): string =>
  watchers <= 1 ? 'Only you watch.' : `${watchers} people watch, you among them.`;
