// What the log holds of one elevation: every entry with its place in the tree.

import { useQuery } from '@tanstack/react-query';
import { elevationEntriesQuery } from '../api/audit.ts';
import { EntryLine } from './entry-line.tsx';
import { Loaded } from './loaded.tsx';

export function ElevationEvidence({ requestId, grantId }: { requestId: string; grantId: string | null }) {
  const entries = useQuery(elevationEntriesQuery(requestId, grantId));
  return (
    <section className="sp-section" aria-labelledby="evidence">
      <h2 id="evidence">In the log</h2>
      <Loaded query={entries} rows={3} rowHeight={48}>
        {(found) => (
          <ul className="sp-list sp-panel">
            {found.map((entry) => (
              <EntryLine
                key={`${entry.index} ${entry.leaf.at} ${entry.leaf.kind}`}
                entry={entry}
                linked={false}
              />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
