// One segment: its time zone, who owns it, what hangs on it.

import { Link } from '@tanstack/react-router';
import type { Segment } from '../../src/api/segments.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { counted, listText } from '../words/counts.ts';
import { mayStop } from '../words/may.ts';
import type { MapNode } from '../words/segment-map.ts';
import { ButtonLink } from './button-link.tsx';
import { Facts } from './facts.tsx';
import styles from './segment-card.module.css';
import { useMe } from './use-me.ts';

export function SegmentCard({ segment, map }: { segment: Segment; map: MapNode[] }) {
  const node = nodeAt(map, segment.path);
  const me = useMe();
  return (
    <section className="sp-panel sp-pad sp-stack" aria-labelledby="segment">
      <h2 id="segment" className={styles.path}>
        {segment.path}
      </h2>
      {segment.description === '' ? null : <p>{segment.description}</p>}
      <Facts
        facts={[
          { name: 'Time zone', value: segment.timeZone },
          { name: 'Owner', value: segment.owners.length === 0 ? 'Nobody named' : listText(segment.owners) },
          { name: 'While the store is away', value: withoutStore(segment) },
          { name: 'Targets, here and below', value: node?.targets ?? 0 },
          { name: 'Live grants', value: node?.grants ?? 0 },
          {
            name: 'Policies for exactly this',
            value:
              segment.policies === 0 ? (
                'None'
              ) : (
                <Link to="/policy" search={{ segment: segment.path }} className="sp-link">
                  {counted(segment.policies, 'policy', 'policies')}
                </Link>
              ),
          },
        ]}
      />
      {segment.targets.length === 0 ? null : (
        <ul className={`sp-list ${styles.targets}`} aria-label="Targets here">
          {segment.targets.map((target) => (
            <li key={target.name}>
              <Link to="/targets/$name" params={{ name: target.name }} className="sp-link sp-mono">
                {target.name}
              </Link>
              <span className="sp-soft sp-small">
                {target.kind} · {target.environment} · {target.sensitivity} sensitivity ·{' '}
                {counted(target.tasks.length, 'task')} · {counted(target.activeGrants, 'live grant')}
                {target.owner === null ? '' : ` · ${target.owner}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {mayStop([segment.owner], me) ? (
        <div>
          <ButtonLink
            to="/kill"
            search={{ scope: 'segment', name: segment.path }}
            variant="default"
            size="sm"
          >
            Stop all access here
          </ButtonLink>
        </div>
      ) : null}
    </section>
  );
}

/** What happens to open sessions here when the store cannot be reached. */
function withoutStore({ storeGraceSeconds: seconds, ownStoreGrace }: Segment): string {
  const whose = ownStoreGrace ? '' : ' (from above)';
  if (seconds === 0) return `Sessions end at once${whose}`;
  return `Sessions go on for at most ${describeDuration(seconds)}${whose}`;
}

function nodeAt(map: MapNode[], path: string): MapNode | undefined {
  for (const node of map) {
    if (node.segment.path === path) return node;
    const below = path.startsWith(`${node.segment.path}/`) ? nodeAt(node.children, path) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}
