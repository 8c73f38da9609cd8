// A finding on the page of targets: an emergency kit that would not open everywhere, before anybody needs it.

import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { kitsQuery } from '../api/break-glass.ts';
import { listText } from '../words/counts.ts';
import styles from './banner.module.css';
import { useMe } from './use-me.ts';

export function StaleKits() {
  const me = useMe();
  const kits = useQuery({ ...kitsQuery, enabled: me.kind === 'person' }).data?.items ?? [];
  const stale = kits.filter((one) => one.state === 'ready' && one.problems.length > 0);
  if (stale.length === 0) return null;
  return (
    <div className={styles.banner} data-tone="warn" role="status">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div>
        <strong>Emergency kits that would not open everywhere:</strong>{' '}
        {listText(stale.map((one) => one.segment))}. <Link to="/break-glass">See why</Link>.
      </div>
    </div>
  );
}
