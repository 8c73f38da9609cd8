// The countdown as what it is: two doors that close on the light between them. The gap is the time that is left;
// the marks show where the doors will stand at the two warnings.

import type { CSSProperties } from 'react';
import { describeDuration } from '../../src/base/duration.ts';
import { clockText, remainingOf, warningMarks } from '../time/remaining.ts';
import { useNow } from '../time/use-now.ts';
import styles from './closing-doors.module.css';
import { When } from './when.tsx';

interface Props {
  activatedAt: string;
  expiresAt: string;
  /** What is counted down, for those who do not see it: "fix-orders on orders-db". */
  of: string;
}

export function ClosingDoors({ activatedAt, expiresAt, of }: Props) {
  const now = useNow();
  const from = Date.parse(activatedAt);
  const to = Date.parse(expiresAt);
  const left = remainingOf(from, to, now);
  const totalSeconds = Math.max(1, (to - from) / 1000);
  return (
    <div className={styles.whole} data-stage={left.stage}>
      <div className={styles.figures}>
        <span
          className={styles.clock}
          role="timer"
          aria-label={`${describeDuration(left.seconds)} left of ${describeDuration(totalSeconds)} for ${of}`}
        >
          {clockText(left.seconds)}
        </span>
        <span className="sp-soft sp-small">
          left of {describeDuration(totalSeconds)} · shuts at <When at={expiresAt} />
        </span>
      </div>
      <div className={styles.frame} style={{ '--open': left.fraction } as CSSProperties} aria-hidden="true">
        <div className={styles.gate}>
          <div className={styles.light} />
          <div className={styles.door} data-side="left" />
          <div className={styles.door} data-side="right" />
        </div>
        <div className={styles.marks}>
          {warningMarks(totalSeconds).map((mark) => (
            <span
              key={mark.seconds}
              className={styles.mark}
              data-passed={left.fraction <= mark.fraction}
              style={{ '--at': mark.fraction } as CSSProperties}
            >
              {mark.seconds / 60}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
