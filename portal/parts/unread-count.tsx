// How much was told and not read, and how many reviews of break-glass wait for the reader: the numbers beside the
// places, and the bell of narrow screens.

import { IconBell } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { brokenGlassQuery } from '../api/break-glass.ts';
import { noticesQuery } from '../api/notices.ts';
import { counted } from '../words/counts.ts';
import styles from './unread-count.module.css';

export function UnreadCount({ className }: { className?: string | undefined }) {
  const count = useQuery(noticesQuery).data?.unread ?? 0;
  if (count === 0) return null;
  return (
    <span className={className} title={counted(count, 'notice is unread', 'notices are unread')}>
      {count}
    </span>
  );
}

export function ReviewsWaiting({ className }: { className?: string | undefined }) {
  const count = useQuery(brokenGlassQuery).data?.reviewsWaiting ?? 0;
  if (count === 0) return null;
  return (
    <span
      className={className}
      title={`${counted(count, 'review waits', 'reviews wait')} for somebody like you`}
    >
      {count}
    </span>
  );
}

export function Bell() {
  const count = useQuery(noticesQuery).data?.unread ?? 0;
  const label = count === 0 ? 'Notices' : `Notices: ${count} unread`;
  return (
    <Link to="/notices" className={styles.bell} aria-label={label}>
      <IconBell size={20} stroke={1.6} aria-hidden="true" />
      {count === 0 ? null : <span className={styles.count}>{count}</span>}
    </Link>
  );
}
