// One elevation as a picture: five stations on a line from left to right, the two doors where it opened and shut,
// light in between, and the time that each stretch took. On narrow screens it stands upright.

import type { CSSProperties } from 'react';
import { spanText } from '../time/when.ts';
import type { Passage, Station } from '../words/elevation.ts';
import styles from './passage-picture.module.css';
import { When } from './when.tsx';

// A stretch grows with the root of the time that it took: a second and a day both stay visible.
const weightOf = (seconds: number | null) =>
  seconds === null ? 1 : 1 + Math.min(5, Math.sqrt(seconds) / 14);

export function PassagePicture({ passage }: { passage: Passage }) {
  const template = passage.spans
    .map((seconds) => `minmax(92px, ${weightOf(seconds).toFixed(2)}fr)`)
    .join(' ');
  const open = passage.stations[2]?.state === 'done';
  const shut = passage.stations[3]?.state === 'done';
  return (
    <ol className={styles.line} style={{ '--columns': `${template} auto` } as CSSProperties}>
      {passage.stations.map((station, position) => {
        const lit = station.key === 'open' && open;
        const span = passage.spans[position] ?? null;
        return (
          <li key={station.key} className={styles.station} data-key={station.key} data-state={station.state}>
            <span className={styles.sign} aria-hidden="true">
              <Sign kind={station.key} />
            </span>
            {position < passage.spans.length ? (
              <span
                className={styles.stretch}
                data-lit={lit}
                data-running={lit && !shut}
                data-done={span !== null}
              >
                {span === null ? null : <span className={styles.span}>{spanText(span)}</span>}
              </span>
            ) : null}
            <span className={styles.text}>
              <strong>{station.label}</strong>
              <span className={styles.at}>
                {station.at === null ? <Ahead station={station} /> : <When at={station.at} as="exact" />}
              </span>
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Ahead({ station }: { station: Station }) {
  if (station.state === 'never') return 'not reached';
  if (station.state === 'ahead') return 'later';
  return station.dueAt === null ? (
    'now'
  ) : (
    <>
      by <When at={station.dueAt} />
    </>
  );
}

function Sign({ kind }: { kind: Passage['stations'][number]['key'] }) {
  if (kind === 'open' || kind === 'shut') {
    return (
      <svg width="24" height="30" viewBox="0 0 24 30" aria-hidden="true" focusable="false">
        <path d="M2 29V12a10 10 0 0 1 20 0v17" className={styles.arch} />
        <path
          d={
            kind === 'open'
              ? 'M5 28V12.500L8 8.500V28zM19 28V12.500L16 8.500V28z'
              : 'M5 28V12a7 7 0 0 1 6.500-7v23zM19 28V12a7 7 0 0 0-6.500-7v23z'
          }
          className={styles.leaf}
        />
      </svg>
    );
  }
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" focusable="false">
      <circle cx="7" cy="7" r="5.200" className={styles.dot} />
      {kind === 'gone' ? <path d="M4.600 7.200 6.400 9l3.200-3.600" className={styles.tick} /> : null}
    </svg>
  );
}
