// A link to a grant leads to the page of its elevation, which is named by the request.

import { useQuery } from '@tanstack/react-query';
import { Navigate, useParams } from '@tanstack/react-router';
import { grantQuery } from '../api/grants.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';

export function GrantPage() {
  const { id } = useParams({ from: '/in/grants/$id' });
  const grant = useQuery(grantQuery(id));
  return (
    <Page title="Grant">
      <Loaded query={grant} rows={1}>
        {(found) => <Navigate to="/requests/$id" params={{ id: found.requestId }} replace />}
      </Loaded>
    </Page>
  );
}
