// Audit: every elevation, who holds what now, the log itself, and whether the log holds.

import { Tabs } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { AuditElevations } from '../parts/audit-elevations.tsx';
import { AuditEntries } from '../parts/audit-entries.tsx';
import { AuditHolders } from '../parts/audit-holders.tsx';
import { CheckpointCard } from '../parts/checkpoint-card.tsx';
import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';
import { AUDIT_VIEWS, type AuditView } from '../words/audit-views.ts';
import { mayAudit } from '../words/may.ts';

export function AuditPage() {
  const me = useMe();
  const search = useSearch({ from: '/in/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const auditor = mayAudit(me) === null;
  const view: AuditView = search.view ?? (auditor ? 'log' : 'elevations');
  const noLog = (
    <Empty title="The log is for auditors">
      Reading it needs the right to audit, which an administrator gives. Your own elevations stand under the
      first tab.
    </Empty>
  );
  return (
    <Page title="Audit" lead="Who could touch what, who did, who said yes, and whether it is over.">
      <Tabs
        value={view}
        onChange={(next) => void navigate({ search: { view: AUDIT_VIEWS.find((known) => known === next) } })}
        keepMounted={false}
      >
        <Tabs.List mb={18}>
          <Tabs.Tab value="elevations">Elevations</Tabs.Tab>
          <Tabs.Tab value="holders">Open now</Tabs.Tab>
          <Tabs.Tab value="log">Log</Tabs.Tab>
          <Tabs.Tab value="checkpoint">Checkpoint</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="elevations">
          <AuditElevations />
        </Tabs.Panel>
        <Tabs.Panel value="holders">
          <AuditHolders />
        </Tabs.Panel>
        <Tabs.Panel value="log">{auditor ? <AuditEntries search={search} /> : noLog}</Tabs.Panel>
        <Tabs.Panel value="checkpoint">
          <CheckpointCard auditor={auditor} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
