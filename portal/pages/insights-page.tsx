// Insights: how privileges are asked for, given and used, as pictures and as tables. Loaded on its own, because the
// charts are heavy.

import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { insightsQuery } from '../api/insights.ts';
import { Empty } from '../parts/empty.tsx';
import { Figures } from '../parts/figures.tsx';
import { HeldUsedChart } from '../parts/held-used-chart.tsx';
import { InsightTable } from '../parts/insight-table.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { RequestsChart } from '../parts/requests-chart.tsx';
import { RightsChart } from '../parts/rights-chart.tsx';
import { UnusedRights } from '../parts/unused-rights.tsx';
import styles from './insights-page.module.css';

export function InsightsPage() {
  const [days, setDays] = useState(30);
  const insights = useQuery(insightsQuery(days));
  return (
    <Page
      title="Insights"
      lead="What is asked for, what is given, and what of it is used."
      actions={
        <SegmentedControl
          aria-label="Time span"
          value={String(days)}
          onChange={(value) => setDays(Number(value))}
          data={[
            { value: '7', label: '7 days' },
            { value: '30', label: '30 days' },
            { value: '90', label: '90 days' },
          ]}
        />
      }
    >
      <Loaded query={insights} rows={3} rowHeight={220}>
        {(found) =>
          found.totals.requests === 0 ? (
            <Empty title="No request in this time">The figures begin with the first request.</Empty>
          ) : (
            <>
              <Figures insights={found} />
              <section className="sp-section" aria-labelledby="by-day">
                <h2 id="by-day">Requests by day</h2>
                <div className="sp-panel sp-pad">
                  <RequestsChart days={found.byDay} span={found.days} />
                </div>
              </section>
              <div className={styles.pair}>
                <section className="sp-section" aria-labelledby="held">
                  <h2 id="held">Time held, time used</h2>
                  <div className="sp-panel sp-pad">
                    <HeldUsedChart rows={found.byTask} />
                  </div>
                </section>
                <section className="sp-section" aria-labelledby="rights">
                  <h2 id="rights">Rights given, rights used</h2>
                  <div className="sp-panel sp-pad">
                    <RightsChart rows={found.byTask} />
                  </div>
                </section>
              </div>
              <UnusedRights rights={found.unusedRights} />
              <InsightTable id="by-task" title="By task" first="Task" rows={found.byTask} />
              <InsightTable id="by-person" title="By person" first="Person" rows={found.byPerson} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
