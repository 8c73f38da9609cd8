// While a kill switch is in force, every page of everybody whom it concerns says so.

import { IconHandStop } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { killsQuery } from '../api/kills.ts';
import { killScopeText, progressText } from '../words/kills.ts';
import styles from './banner.module.css';
import { When } from './when.tsx';

const MOST_SHOWN = 3;

export function KillBanner() {
  const kills = useQuery(killsQuery('in-force')).data ?? [];
  if (kills.length === 0) return null;
  return (
    <div className={styles.banner} data-tone="bad" role="alert">
      <IconHandStop size={18} aria-hidden="true" />
      <div>
        {kills.slice(0, MOST_SHOWN).map((kill) => (
          <p key={kill.id}>
            <strong>{killScopeText(kill)} is stopped</strong> by {kill.killedBy.displayName} since{' '}
            <When at={kill.killedAt} />: “{kill.reason}” {progressText(kill)}
          </p>
        ))}
        {kills.length > MOST_SHOWN ? <p>And {kills.length - MOST_SHOWN} more.</p> : null}
        <p>
          Nothing new is given there. <Link to="/kill">See the kill switches</Link>
        </p>
      </div>
    </div>
  );
}
