// A store that may be restored or copied stands still, and everybody is told, with the way out.

import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { recoveryQuery } from '../api/recovery.ts';
import styles from './banner.module.css';

const MOST_SHOWN = 3;

export function RecoveryBanner() {
  const recovery = useQuery(recoveryQuery).data?.recovery ?? null;
  if (recovery === null) return null;
  const more = recovery.found.length - MOST_SHOWN;
  return (
    <div className={styles.banner} data-tone="bad" role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div>
        <strong>This store may be restored or copied.</strong> Nothing is written and no target is touched
        until an administrator signs: <code>sally recover</code>.{' '}
        {recovery.found.slice(0, MOST_SHOWN).join(' ')}
        {more > 0 ? ` And ${more} more.` : ''}
      </div>
    </div>
  );
}
