// Said once and plainly when the server does not answer; it goes by itself when it does.

import { IconPlugConnectedX } from '@tabler/icons-react';
import { useReach } from '../api/reach.ts';
import styles from './banner.module.css';

export function UnreachableBanner() {
  const { reachable } = useReach();
  if (reachable) return null;
  return (
    <div className={styles.banner} data-tone="warn" role="status">
      <IconPlugConnectedX size={18} aria-hidden="true" />
      <div>
        <strong>The server does not answer.</strong> What you see may be old; countdowns go on, and grants end
        on time without this page. Trying again every few seconds.
      </div>
    </div>
  );
}
