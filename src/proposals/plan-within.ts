// A plan as the owner of a pack may see it: the live grants of their own segment, and nobody else's. What differs in
// decisions lies within the segment by itself, because a pack reaches no further. Pure.

import type { PolicyPlan } from '../api/policy-plan.ts';

export function planWithin(plan: PolicyPlan, segment: string): PolicyPlan {
  const first = plan.grants.first.filter(
    (grant) => grant.segment === segment || grant.segment.startsWith(`${segment}/`),
  );
  const end = first.filter((grant) => grant.ends).length;
  const grants = { live: first.length, judged: first.length, end, runOut: first.length - end, first };
  return { ...plan, grants };
}
