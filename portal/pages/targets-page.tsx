// Targets: what can be reached, as it hangs on the tree of segments, and the tasks that there are.

import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { targetsQuery, tasksQuery } from '../api/targets.ts';
import { ButtonLink } from '../parts/button-link.tsx';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { SegmentTree } from '../parts/segment-tree.tsx';
import { StaleKits } from '../parts/stale-kits.tsx';
import { TaskCard } from '../parts/task-card.tsx';
import { useMe } from '../parts/use-me.ts';
import { mayAdminister } from '../words/may.ts';
import { segmentTree } from '../words/segments.ts';

export function TargetsPage() {
  const me = useMe();
  const { show } = useSearch({ from: '/in/targets' });
  const navigate = useNavigate({ from: '/targets' });
  const targets = useQuery(targetsQuery);
  const tasks = useQuery(tasksQuery);
  const admin = mayAdminister(me) === null;
  const actions = admin ? (
    <>
      <ButtonLink to="/targets/new" variant="default">
        Add a target
      </ButtonLink>
      <ButtonLink to="/tasks/new" variant="default">
        Add a task
      </ButtonLink>
    </>
  ) : undefined;
  return (
    <Page
      title="Targets"
      lead="The systems that hold privileges, and the tasks that are the only way to them."
      {...(actions === undefined ? {} : { actions })}
    >
      <Tabs
        value={show ?? 'targets'}
        onChange={(next) => void navigate({ search: next === 'tasks' ? { show: 'tasks' } : {} })}
        keepMounted={false}
      >
        <Tabs.List mb={18}>
          <Tabs.Tab value="targets">Targets</Tabs.Tab>
          <Tabs.Tab value="tasks">Tasks</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="targets">
          <StaleKits />
          <Loaded query={targets} rows={2} rowHeight={150}>
            {(found) =>
              found.length === 0 ? (
                <Empty title="No target yet">
                  {admin
                    ? 'Add the first one: a host, a database and an administrator’s login are enough.'
                    : 'An administrator adds the first one, here or with ./sally target add.'}
                </Empty>
              ) : (
                <SegmentTree nodes={segmentTree(found)} />
              )
            }
          </Loaded>
        </Tabs.Panel>
        <Tabs.Panel value="tasks">
          <Loaded query={tasks} rows={3} rowHeight={120}>
            {(found) =>
              found.length === 0 ? (
                <Empty title="No task yet">
                  A task is the narrowest set of rights that does one job. An administrator writes the first
                  one.
                </Empty>
              ) : (
                <div className="sp-stack">
                  {found.map((task) => (
                    <TaskCard key={task.name} task={task} />
                  ))}
                </div>
              )
            }
          </Loaded>
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
