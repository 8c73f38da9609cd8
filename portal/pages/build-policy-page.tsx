// The builder of policies: the common shapes by choice, as plain Cedar.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { policyNamesQuery } from '../api/policies.ts';
import { segmentsQuery } from '../api/segments.ts';
import { targetsQuery, tasksQuery } from '../api/targets.ts';
import { DraftForm } from '../forms/draft-form.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';

export function BuildPolicyPage() {
  const me = useMe();
  const targets = useQuery(targetsQuery);
  const tasks = useQuery(tasksQuery);
  const segments = useQuery(segmentsQuery);
  const names = useQuery(policyNamesQuery);
  return (
    <Page
      title="Build a policy"
      lead="Choose who may do what, where and when. What comes out is plain Cedar, to be read, changed and kept like any other."
      above={
        <Link to="/policy" className="sp-link">
          Policy
        </Link>
      }
    >
      <Loaded query={targets} rows={3} rowHeight={180}>
        {(found) => (
          <DraftForm
            me={me}
            targets={found}
            tasks={tasks.data ?? []}
            groups={names.data?.groups ?? []}
            segments={(segments.data ?? []).map((segment) => segment.path)}
          />
        )}
      </Loaded>
    </Page>
  );
}
