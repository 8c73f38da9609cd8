// The tree of segments as the API shows it: with what hangs on each, and who owns it.

import type { Segment } from '../api/segments.ts';
import { listSegments as treeOf } from '../targets/segments.ts';
import type { GrantsContext } from './context.ts';
import { listTargets } from './target-view.ts';

type SegmentViewContext = Pick<GrantsContext, 'db' | 'targets' | 'tasks' | 'policies'>;

/** Sorted by path, so that whatever is above a segment stands before it. */
export async function listSegments(ctx: SegmentViewContext): Promise<Segment[]> {
  const [rows, targets] = await Promise.all([treeOf(ctx.db), listTargets(ctx)]);
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
    const owners = new Set([
      ...(row.ownOwner && row.owner !== null ? [row.owner] : []),
      ...here.flatMap(({ owner }) => owner ?? []),
      ...(scope?.owners ?? []),
    ]);
    return {
      ...row,
      parent: row.path.includes('/') ? row.path.slice(0, row.path.lastIndexOf('/')) : null,
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
