// The log, searched.

import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type AuditSearch, auditPages } from '../api/audit.ts';
import { AuditSearchForm } from '../forms/audit-search-form.tsx';
import { Empty } from './empty.tsx';
import { EntryLine } from './entry-line.tsx';
import { Loaded } from './loaded.tsx';
import { MoreButton } from './more-button.tsx';

export function AuditEntries({ search }: { search: AuditSearch }) {
  const navigate = useNavigate({ from: '/audit' });
  const { text, kind, actor, target, from, to } = search;
  const asked = { text, kind, actor, target, from, to };
  const entries = useInfiniteQuery(auditPages(asked));
  return (
    <div className="sp-stack">
      <AuditSearchForm
        key={JSON.stringify(asked)}
        search={asked}
        onSearch={(next) => void navigate({ search: { view: 'log', ...next } })}
      />
      <Loaded query={entries} rows={8} rowHeight={40}>
        {(pages) => {
          const items = pages.pages.flatMap((page) => page.items);
          if (items.length === 0)
            return <Empty title="No entry matches">Take a word away, or widen the time.</Empty>;
          return (
            <>
              <ul className="sp-list sp-panel" aria-label="Entries, newest first">
                {items.map((entry) => (
                  <EntryLine key={`${entry.index} ${entry.leaf.at} ${entry.leaf.kind}`} entry={entry} />
                ))}
              </ul>
              <MoreButton query={entries} />
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
