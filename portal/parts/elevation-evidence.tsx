// What the log holds of one elevation, of all its grants where it is a bundle: every entry with its place in the tree.

import { useQuery } from '@tanstack/react-query';
import { elevationEntriesQuery } from '../api/audit.ts';
import { EntryLine } from './entry-line.tsx';
import { Loaded } from './loaded.tsx';

export function ElevationEvidence({ requestId, grantIds }: { requestId: string; grantIds: string[] }) {
  const found = useQuery(elevationEntriesQuery(requestId, grantIds));
  return (
    <section className="sp-section" aria-labelledby="evidence">
      <h2 id="evidence">In the log</h2>
      <Loaded query={found} rows={3} rowHeight={48}>
        {({ entries, cut }) => (
          <>
            {cut ? (
              <p className="sp-soft">There are more and older ones: search the log by this id.</p>
            ) : null}
            <ul className="sp-list sp-panel" aria-label="Entries of the log">
              {entries.map((entry) => (
                <EntryLine
                  key={`${entry.index} ${entry.leaf.at} ${entry.leaf.kind}`}
                  entry={entry}
                  linked={false}
                />
              ))}
            </ul>
          </>
        )}
      </Loaded>
    </section>
  );
}
