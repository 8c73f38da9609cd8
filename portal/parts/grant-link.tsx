// From a grant's id to the page of its elevation, which is named by the request.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { grantQuery } from '../api/grants.ts';

export function GrantLink({ grantId }: { grantId: string }) {
  const grant = useQuery(grantQuery(grantId)).data;
  if (grant === undefined) return <span className="sp-soft">…</span>;
  return (
    <Link to="/requests/$id" params={{ id: grant.requestId }} className="sp-link">
      The elevation
    </Link>
  );
}
