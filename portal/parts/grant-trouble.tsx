// What stands between a grant and its end, when something does: overdue, the last error, whatever blocks clean-up.

import { IconAlertTriangle } from '@tabler/icons-react';
import type { Grant } from '../../src/api/grants.ts';
import styles from './grant-trouble.module.css';

export function GrantTrouble({ grant }: { grant: Grant }) {
  const { overdue, lastError, blockers, altered } = grant;
  if (!overdue && lastError === null && blockers.length === 0 && altered.length === 0) return null;
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
        {lastError === null ? null : <p>{lastError}</p>}
        {blockers
          .filter((blocker) => blocker !== lastError)
          .map((blocker) => (
            <p key={blocker}>{blocker}</p>
          ))}
        {altered.map((what) => (
          <p key={what}>{what}</p>
        ))}
      </div>
    </div>
  );
}
