// Who can touch something right now: every live grant, soonest end first.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { liveGrantsQuery } from '../api/grants.ts';
import { clockText, remainingOf } from '../time/remaining.ts';
import { useNow } from '../time/use-now.ts';
import { counted } from '../words/counts.ts';
import { GRANT_STATES } from '../words/states.ts';
import { Empty } from './empty.tsx';
import { GrantTrouble } from './grant-trouble.tsx';
import { Loaded } from './loaded.tsx';
import styles from './request-line.module.css';
import { StateBadge } from './state-badge.tsx';

export function AuditHolders() {
  const live = useQuery(liveGrantsQuery('all'));
  const now = useNow();
  const end = (expiresAt: string | null) =>
    expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
  return (
    <Loaded query={live} rows={3} rowHeight={62}>
      {(grants) =>
        grants.length === 0 ? (
          <Empty title="Nobody holds anything">
            Every door is shut: no grant is live on any target that you can see.
          </Empty>
        ) : (
          <ul className="sp-list sp-panel">
            {[...grants]
              .sort((a, b) => end(a.expiresAt) - end(b.expiresAt))
              .map((grant) => (
                <li key={grant.id} className={styles.line}>
                  <span className={styles.what}>
                    <Link to="/requests/$id" params={{ id: grant.requestId }} className={styles.link}>
                      {grant.principal.name} · {grant.task}
                      <span className={styles.on}> on </span>
                      {grant.target}
                    </Link>
                    <span className={styles.reason}>
                      as {grant.login}, {counted(grant.liveSessions, 'live session')}
                    </span>
                    <GrantTrouble grant={grant} />
                  </span>
                  <span className={styles.facts}>
                    {grant.state === 'active' && grant.activatedAt !== null && grant.expiresAt !== null
                      ? `${clockText(remainingOf(Date.parse(grant.activatedAt), end(grant.expiresAt), now).seconds)} left`
                      : ''}
                  </span>
                  <StateBadge words={GRANT_STATES[grant.state]} />
                </li>
              ))}
          </ul>
        )
      }
    </Loaded>
  );
}
