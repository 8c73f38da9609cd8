// A grant that is past its end and not confirmed gone is everybody's business who may see it, on every page.

import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { overdueGrantsQuery } from '../api/grants.ts';
import { counted } from '../words/counts.ts';
import styles from './banner.module.css';
import { When } from './when.tsx';

const MOST_SHOWN = 3;

export function OverdueBanner() {
  const overdue = useQuery(overdueGrantsQuery).data ?? [];
  if (overdue.length === 0) return null;
  return (
    <div className={styles.banner} data-tone="bad" role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div>
        <strong>{counted(overdue.length, 'grant is', 'grants are')} overdue.</strong> The target has not
        confirmed the end yet; retries go on.{' '}
        {overdue.slice(0, MOST_SHOWN).map((grant, position) => (
          <span key={grant.id}>
            {position > 0 ? ', ' : ''}
            <Link to="/requests/$id" params={{ id: grant.requestId }}>
              {grant.principal.name} · {grant.task} on {grant.target}
            </Link>
            {grant.endedAt === null ? null : (
              <>
                {' '}
                (ended <When at={grant.endedAt} as="ago" />)
              </>
            )}
          </span>
        ))}
        {overdue.length > MOST_SHOWN ? ` and ${overdue.length - MOST_SHOWN} more.` : '.'}
      </div>
    </div>
  );
}
