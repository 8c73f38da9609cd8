// A review in one line.

import { Link } from '@tanstack/react-router';
import type { Review } from '../../src/api/break-glass.ts';
import { reviewState } from '../words/break-glass.ts';
import { listText } from '../words/counts.ts';
import styles from './policy-change-line.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function ReviewLine({ review }: { review: Review }) {
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        <Link to="/reviews/$id" params={{ id: review.id }} className={styles.link}>
          {review.drill ? 'Drill: ' : ''}
          {review.source === 'kit' ? 'emergency kit, ' : ''}
          {review.task} on {review.target ?? review.segment}
        </Link>
        <span className={styles.sub}>
          {listText(review.usedBy.map((one) => one.displayName))} · “{review.reason}”
          {review.mayDecide ? ' · you may decide it' : ''}
        </span>
      </div>
      <StateBadge words={reviewState(review)} />
      <span className={styles.when}>
        <When at={review.openedAt} as="ago" />
      </span>
    </li>
  );
}
