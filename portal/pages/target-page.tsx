// One target: what it can promise, whether everything that a grant needs is there, its tasks, the labels of its columns,
// its standing access.

import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { targetsQuery, tasksQuery } from '../api/targets.ts';
import { ButtonLink } from '../parts/button-link.tsx';
import { ChangeTarget } from '../parts/change-target.tsx';
import { CheckPanel } from '../parts/check-panel.tsx';
import { Empty } from '../parts/empty.tsx';
import { Facts } from '../parts/facts.tsx';
import { LabelsPanel } from '../parts/labels-panel.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { Promises } from '../parts/promises.tsx';
import { StandingPanel } from '../parts/standing-panel.tsx';
import { TaskCard } from '../parts/task-card.tsx';
import { useMe } from '../parts/use-me.ts';
import { mayStop } from '../words/may.ts';

export function TargetPage() {
  const { name } = useParams({ from: '/in/targets/$name' });
  const me = useMe();
  const targets = useQuery(targetsQuery);
  const tasks = useQuery(tasksQuery);
  return (
    <Page
      title={name}
      above={
        <Link to="/targets" className="sp-link">
          Targets
        </Link>
      }
      actions={
        <ButtonLink to="/request" search={{ target: name }}>
          Request access here
        </ButtonLink>
      }
    >
      <Loaded query={targets} rows={3} rowHeight={160}>
        {(found) => {
          const target = found.find((known) => known.name === name);
          if (target === undefined)
            return (
              <Empty title={`There is no target ${name}`}>
                It may have been removed, or you may not see it.
              </Empty>
            );
          const its = (tasks.data ?? []).filter((task) => target.tasks.includes(task.name));
          return (
            <>
              <div className="sp-panel sp-pad sp-stack">
                <Facts
                  facts={[
                    {
                      name: 'Segment',
                      value: (
                        <Link to="/map" search={{ segment: target.segment }} className="sp-link sp-mono">
                          {target.segment}
                        </Link>
                      ),
                    },
                    { name: 'Kind', value: target.kind },
                    { name: 'Address', value: <span className="sp-mono">{target.address}</span> },
                    ...(target.nodes.length === 0
                      ? []
                      : [
                          {
                            name: 'Standbys',
                            value: <span className="sp-mono">{target.nodes.join(', ')}</span>,
                          },
                        ]),
                    { name: 'Environment', value: target.environment },
                    { name: 'Sensitivity', value: target.sensitivity },
                    { name: 'Owner', value: target.owner ?? 'Nobody named' },
                    { name: 'Live grants', value: target.activeGrants },
                  ]}
                />
                <Promises capabilities={target.capabilities} />
                <div className="sp-row">
                  <ChangeTarget target={target} me={me} />
                  {mayStop([target.owner], me) ? (
                    <ButtonLink to="/kill" search={{ scope: 'target', name }} variant="default" size="sm">
                      Stop all access here
                    </ButtonLink>
                  ) : null}
                </div>
              </div>
              <CheckPanel target={target} me={me} />
              <section className="sp-section" aria-labelledby="tasks">
                <h2 id="tasks">Tasks</h2>
                {its.length === 0 ? (
                  <p className="sp-soft">
                    No task fits this target yet, so nobody can ask for anything on it.
                  </p>
                ) : (
                  its.map((task) => <TaskCard key={task.name} task={task} target={name} />)
                )}
              </section>
              {target.kind === 'postgres' ? <LabelsPanel target={name} me={me} /> : null}
              <StandingPanel target={name} me={me} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
