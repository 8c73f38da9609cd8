// Health: every grant that is not where it should be, every part that does not answer, and what to do about each.

import { useQuery } from '@tanstack/react-query';
import { healthQuery } from '../api/health.ts';
import { HealthTargets } from '../parts/health-targets.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { RevocationPanel } from '../parts/revocation-panel.tsx';
import { SystemPanel } from '../parts/system-panel.tsx';
import { TroubleList } from '../parts/trouble-list.tsx';

export function HealthPage() {
  const health = useQuery(healthQuery);
  return (
    <Page title="Health" lead="What is not where it should be, since when, why, and what to do.">
      <Loaded query={health} rows={3} rowHeight={140}>
        {(found) => (
          <>
            <TroubleList health={found} />
            <RevocationPanel revocation={found.revocation} grants={found.grants} />
            <HealthTargets targets={found.targets} />
            <SystemPanel health={found} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
