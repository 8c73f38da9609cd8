// The tree of segments as the API shows it: with what hangs on each, and who owns it.

import type { Segment } from '../api/segments.ts';
import type { GrantsContext } from './context.ts';
import { listTargets } from './target-view.ts';

/** A bound on the tree, as on the list of targets. */
const MOST_SEGMENTS = 5_000;

type SegmentViewContext = Pick<GrantsContext, 'db' | 'targets' | 'tasks' | 'policies'>;

/** Sorted by path, so that whatever is above a segment stands before it. */
export async function listSegments(ctx: SegmentViewContext): Promise<Segment[]> {
  const [rows, targets] = await Promise.all([
    ctx.db
      .selectFrom('segments')
      .select(['path', 'parent', 'time_zone', 'description'])
      .orderBy('path')
      .limit(MOST_SEGMENTS)
      .execute(),
    listTargets(ctx),
  ]);
  const byScope = new Map<string, { owners: Set<string>; count: number }>();
  for (const { resource, notes } of ctx.policies.current().rules) {
    const scope = byScope.get(resource.key) ?? { owners: new Set<string>(), count: 0 };
    scope.count++;
    if (notes.owner !== null) scope.owners.add(notes.owner);
    byScope.set(resource.key, scope);
  }
  const bySegment = Map.groupBy(targets, (target) => target.segment);
  return rows.map((row) => {
    const here = bySegment.get(row.path) ?? [];
    const scope = byScope.get(`Segment::${row.path}`);
    const owners = new Set([...here.flatMap(({ owner }) => owner ?? []), ...(scope?.owners ?? [])]);
    return {
      path: row.path,
      parent: row.parent,
      timeZone: row.time_zone,
      description: row.description,
      owners: [...owners].sort(),
      policies: scope?.count ?? 0,
      targets: here.map(({ name, kind, environment, sensitivity, owner, tasks, activeGrants }) => ({
        name,
        kind,
        environment,
        sensitivity,
        owner,
        tasks,
        activeGrants,
      })),
    };
  });
}
