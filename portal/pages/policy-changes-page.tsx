// Policy changes: what waits for a second person's signature, what became of the rest, and what was in force.

import { Tabs } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { historyPages, proposalPages } from '../api/policy-changes.ts';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { MoreButton } from '../parts/more-button.tsx';
import { Page } from '../parts/page.tsx';
import { PolicyChangeLine, PublishedSetLine } from '../parts/policy-change-line.tsx';

export function PolicyChangesPage() {
  const { show } = useSearch({ from: '/in/policy/changes' });
  const navigate = useNavigate({ from: '/policy/changes' });
  return (
    <Page
      title="Policy changes"
      lead="One person proposes, another signs exactly what they were shown. Until then the old policies hold."
    >
      <Tabs
        value={show ?? 'proposed'}
        onChange={(next) => void navigate({ search: next === 'history' ? { show: 'history' } : {} })}
        keepMounted={false}
      >
        <Tabs.List mb={18}>
          <Tabs.Tab value="proposed">Proposed</Tabs.Tab>
          <Tabs.Tab value="history">In force, and before</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="proposed">
          <Proposed />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <History />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Proposed() {
  const proposals = useInfiniteQuery(proposalPages());
  return (
    <Loaded query={proposals} rows={3} rowHeight={62}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) {
          return (
            <Empty title="Nobody has proposed a change">
              <code>sally policy apply policies</code> proposes a folder of policies; it shows up here with
              what it would change.
            </Empty>
          );
        }
        const open = items.filter((item) => item.state === 'open');
        const over = items.filter((item) => item.state !== 'open');
        return (
          <div className="sp-stack">
            {open.length === 0 ? null : (
              <ul className="sp-list sp-panel">
                {open.map((item) => (
                  <PolicyChangeLine key={item.id} change={item} />
                ))}
              </ul>
            )}
            {over.length === 0 ? null : (
              <section className="sp-section" aria-labelledby="decided">
                <h2 id="decided">Decided</h2>
                <ul className="sp-list sp-panel">
                  {over.map((item) => (
                    <PolicyChangeLine key={item.id} change={item} />
                  ))}
                </ul>
              </section>
            )}
            <MoreButton query={proposals} />
          </div>
        );
      }}
    </Loaded>
  );
}

function History() {
  const history = useInfiniteQuery(historyPages());
  return (
    <Loaded query={history} rows={3} rowHeight={62}>
      {({ pages }) => (
        <div className="sp-stack">
          <ul className="sp-list sp-panel">
            {pages
              .flatMap((page) => page.items)
              .map((set) => (
                <PublishedSetLine key={`${set.digest} ${set.publishedAt}`} set={set} />
              ))}
          </ul>
          <MoreButton query={history} />
        </div>
      )}
    </Loaded>
  );
}
