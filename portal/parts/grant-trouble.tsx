// What stands between a grant and its end, when something does: overdue, the last error, whatever blocks clean-up.

import { IconAlertTriangle } from '@tabler/icons-react';
import type { Grant } from '../../src/api/grants.ts';
import styles from './grant-trouble.module.css';

export function GrantTrouble({ grant }: { grant: Grant }) {
  if (!grant.overdue && grant.lastError === null && grant.blockers.length === 0) return null;
  return (
    <div className={styles.trouble} data-overdue={grant.overdue} role={grant.overdue ? 'alert' : undefined}>
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div className="sp-wrap">
        {grant.overdue ? (
          <p>
            <strong>Overdue.</strong> The target has not confirmed the end of this grant yet. Retries go on
            until it does.
          </p>
        ) : null}
        {grant.lastError === null ? null : <p>{grant.lastError}</p>}
        {grant.blockers.map((blocker) => (
          <p key={blocker}>{blocker}</p>
        ))}
      </div>
    </div>
  );
}
