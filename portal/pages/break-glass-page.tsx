// Break-glass: the door for emergencies, what waits for a review, the kits for when Sallyport is down, and drills.

import { Button } from '@mantine/core';
import { IconHammer } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { drillsQuery, kitsQuery, reviewPages } from '../api/break-glass.ts';
import { BreakGlassForm } from '../forms/break-glass-form.tsx';
import { DrillLine } from '../parts/drill-line.tsx';
import { Empty } from '../parts/empty.tsx';
import { KitCard } from '../parts/kit-card.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { MoreButton } from '../parts/more-button.tsx';
import { Page } from '../parts/page.tsx';
import { ReviewLine } from '../parts/review-line.tsx';

export function BreakGlassPage() {
  const [breaking, setBreaking] = useState(false);
  return (
    <Page
      title="Break-glass"
      lead="For emergencies: always possible where policy names you, always loud, always reviewed by somebody else."
      actions={
        <Button color="ember" leftSection={<IconHammer size={18} />} onClick={() => setBreaking(true)}>
          Break the glass
        </Button>
      }
    >
      <div className="sp-stack">
        <Reviews />
        <Kits />
        <Drills />
      </div>
      {breaking ? <BreakGlassForm onClose={() => setBreaking(false)} /> : null}
    </Page>
  );
}

function Reviews() {
  const reviews = useInfiniteQuery(reviewPages());
  return (
    <section className="sp-section" aria-labelledby="reviews">
      <h2 id="reviews">Reviews</h2>
      <Loaded query={reviews} rows={2} rowHeight={62}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0)
            return (
              <Empty title="No glass was broken">
                Each use of break-glass opens a review; it is listed here until somebody decides it, and
                afterwards.
              </Empty>
            );
          return (
            <>
              <ul className="sp-list sp-panel">
                {items.map((one) => (
                  <ReviewLine key={one.id} review={one} />
                ))}
              </ul>
              <MoreButton query={reviews} />
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Kits() {
  const kits = useQuery(kitsQuery);
  return (
    <section className="sp-section" aria-labelledby="kits">
      <h2 id="kits">Emergency kits</h2>
      <Loaded query={kits} rows={1} rowHeight={120}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No emergency kit that you hold">
              A kit opens targets while Sallyport itself is down. An administrator makes one:{' '}
              <code>sally break-glass kit make prod/eu --task fix-orders --holders ada,bo,cy --quorum 2</code>
            </Empty>
          ) : (
            <div className="sp-stack">
              {items.map((one) => (
                <KitCard key={one.id} kit={one} />
              ))}
            </div>
          )
        }
      </Loaded>
    </section>
  );
}

function Drills() {
  const drills = useQuery(drillsQuery);
  return (
    <section className="sp-section" aria-labelledby="drills">
      <h2 id="drills">Drills</h2>
      <Loaded query={drills} rows={1} rowHeight={62}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No drills">
              What is never tried does not work on the day:{' '}
              <code>
                sally break-glass drill schedule --person erin --target orders-db --task fix-orders --every
                90d
              </code>
            </Empty>
          ) : (
            <ul className="sp-list sp-panel">
              {items.map((one) => (
                <DrillLine key={one.id} drill={one} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}
