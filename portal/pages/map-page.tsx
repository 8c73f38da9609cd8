// The map: how targets hang on segments, and who can reach what below the one that is chosen.

import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Segment } from '../../src/api/segments.ts';
import { segmentsQuery } from '../api/segments.ts';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { ReachPanel } from '../parts/reach-panel.tsx';
import { SegmentCard } from '../parts/segment-card.tsx';
import { SegmentMap } from '../parts/segment-map.tsx';
import { mapOf } from '../words/segment-map.ts';
import styles from './map-page.module.css';

export function MapPage() {
  const segments = useQuery(segmentsQuery);
  return (
    <Page
      title="Map"
      lead="Targets hang on a tree of segments, and policy speaks of segments: what it says of one holds for everything below."
    >
      <Loaded query={segments} rows={4} rowHeight={62}>
        {(found) =>
          found.length === 0 ? (
            <Empty title="No segment yet">A segment is made with the first target that hangs on it.</Empty>
          ) : (
            <Chosen segments={found} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Chosen({ segments }: { segments: Segment[] }) {
  const { segment: wanted } = useSearch({ from: '/in/map' });
  const navigate = useNavigate({ from: '/map' });
  const map = mapOf(segments);
  const chosen = segments.find(({ path }) => path === wanted) ?? segments[0];
  if (chosen === undefined) return null;
  return (
    <div className={styles.map}>
      <SegmentMap
        map={map}
        selected={chosen.path}
        onSelect={(segment) => void navigate({ search: { segment }, replace: true, resetScroll: false })}
      />
      <div className={styles.side}>
        <SegmentCard segment={chosen} map={map} />
        <ReachPanel segment={chosen.path} />
      </div>
    </div>
  );
}
