// While glass is broken everybody sees it, on every page; and whoever could review sees what is overdue.

import { IconHammer } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { brokenGlassQuery } from '../api/break-glass.ts';
import { brokenText } from '../words/break-glass.ts';
import { counted } from '../words/counts.ts';
import styles from './banner.module.css';
import { When } from './when.tsx';

const MOST_SHOWN = 3;

export function BrokenGlassBanner() {
  const found = useQuery(brokenGlassQuery).data;
  if (found === undefined) return null;
  const { items, reviewsOverdue } = found;
  const real = items.some((one) => !one.drill);
  return (
    <>
      {items.length === 0 ? null : (
        <div className={styles.banner} data-tone={real ? 'bad' : 'warn'} role="alert">
          <IconHammer size={18} aria-hidden="true" />
          <div>
            <strong>{real ? 'Glass is broken.' : 'A break-glass drill is under way.'}</strong>{' '}
            {items.slice(0, MOST_SHOWN).map((one, position) => (
              <span key={one.reviewId}>
                {position > 0 ? '; ' : ''}
                <Link to="/reviews/$id" params={{ id: one.reviewId }}>
                  {brokenText(one)}
                </Link>
                {one.until === null ? null : (
                  <>
                    {' '}
                    until <When at={one.until} />
                  </>
                )}
              </span>
            ))}
            {items.length > MOST_SHOWN ? ` and ${items.length - MOST_SHOWN} more.` : '.'}
          </div>
        </div>
      )}
      {reviewsOverdue === 0 ? null : (
        <div className={styles.banner} data-tone="bad" role="alert">
          <IconHammer size={18} aria-hidden="true" />
          <div>
            <strong>{counted(reviewsOverdue, 'review', 'reviews')} of break-glass overdue.</strong>{' '}
            <Link to="/break-glass">Decide them</Link>.
          </div>
        </div>
      )}
    </>
  );
}
