// A drill in one line, with its score once there is one.

import type { Drill } from '../../src/api/break-glass.ts';
import { describeDuration } from '../../src/base/duration.ts';

import styles from './policy-change-line.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

const WORDS = {
  scheduled: { word: 'Scheduled', tone: 'quiet', meaning: 'It is ordered when it is due.' },
  ordered: { word: 'Ordered', tone: 'wait', meaning: 'Whoever it is ordered of does it now.' },
  running: { word: 'Under way', tone: 'wait', meaning: 'Its grant or kit is open.' },
  done: { word: 'Done', tone: 'open', meaning: 'It was done; its score stands beside it.' },
  missed: { word: 'Missed', tone: 'bad', meaning: 'Nobody did it within a day of the order.' },
  cancelled: { word: 'Cancelled', tone: 'quiet', meaning: 'It was taken back.' },
} as const;

export function DrillLine({ drill }: { drill: Drill }) {
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        <strong>
          {drill.kind === 'kit' ? `Emergency kit of ${drill.segment}` : `${drill.task} on ${drill.target}`}
        </strong>
        <span className={styles.sub}>
          {drill.person?.displayName ?? 'its holders'}
          {drill.everyDays === null ? '' : ` · every ${drill.everyDays} days`}
          {scoreText(drill)}
        </span>
      </div>
      <StateBadge words={WORDS[drill.state]} />
      <span className={styles.when}>
        <When at={drill.dueAt} as="ago" />
      </span>
    </li>
  );
}

function scoreText({ score }: Drill): string {
  const parts = [
    score.secondsToConnect === null
      ? ''
      : `connected after ${describeDuration(Math.round(score.secondsToConnect))}`,
    score.reviewInTime === null ? '' : score.reviewInTime ? 'reviewed in time' : 'reviewed late, or not yet',
    score.kitOpened === null ? '' : score.kitOpened ? 'the kit opened' : 'the kit was not opened',
  ];
  const text = parts.filter((part) => part !== '').join(', ');
  return text === '' ? '' : ` · ${text}`;
}
