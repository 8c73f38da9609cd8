// Sessions: who works on a target right now, and what was done before.

import { Tabs } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { sessionsPages } from '../api/sessions.ts';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { MoreButton } from '../parts/more-button.tsx';
import { Page } from '../parts/page.tsx';
import { SessionLine } from '../parts/session-line.tsx';

export function SessionsPage() {
  const { show } = useSearch({ from: '/in/sessions' });
  const navigate = useNavigate({ from: '/sessions' });
  const state = show ?? 'live';
  return (
    <Page title="Sessions" lead="What goes through the gateways is recorded, and can be watched again.">
      <Tabs
        value={state}
        onChange={(next) => void navigate({ search: next === 'ended' ? { show: 'ended' } : {} })}
        keepMounted={false}
      >
        <Tabs.List mb={18}>
          <Tabs.Tab value="live">Live</Tabs.Tab>
          <Tabs.Tab value="ended">Past</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="live">
          <SessionsOf state="live" />
        </Tabs.Panel>
        <Tabs.Panel value="ended">
          <SessionsOf state="ended" />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function SessionsOf({ state }: { state: 'live' | 'ended' }) {
  const sessions = useInfiniteQuery(sessionsPages(state));
  return (
    <Loaded query={sessions} rows={4} rowHeight={62}>
      {(pages) => {
        const items = pages.pages.flatMap((page) => page.items);
        if (items.length === 0) {
          return state === 'live' ? (
            <Empty title="Nobody is connected">
              Open a client with the connect command of a grant on My access, and it shows up here.
            </Empty>
          ) : (
            <Empty title="No session has ended yet">
              Once a client disconnects, its recording stands here.
            </Empty>
          );
        }
        return (
          <div className="sp-stack">
            <ul className="sp-list sp-panel">
              {items.map((session) => (
                <SessionLine key={session.id} session={session} />
              ))}
            </ul>
            <MoreButton query={sessions} />
          </div>
        );
      }}
    </Loaded>
  );
}
