// Request: what for, how long, why; and what policy will say to it.

import { useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { requestQuery } from '../api/requests.ts';
import { targetsQuery, tasksQuery } from '../api/targets.ts';
import { RequestForm } from '../forms/request-form.tsx';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { EMPTY_WISH, wishLike } from '../words/wish.ts';

export function RequestPage() {
  const search = useSearch({ from: '/in/request' });
  const targets = useQuery(targetsQuery);
  const tasks = useQuery(tasksQuery);
  const like = useQuery({ ...requestQuery(search.like ?? ''), enabled: search.like !== undefined });
  const waiting = search.like !== undefined && like.isPending;
  const start = {
    ...(like.data === undefined ? EMPTY_WISH : wishLike(like.data.request)),
    ...(search.target === undefined ? {} : { target: search.target }),
    ...(search.task === undefined ? {} : { task: search.task }),
  };
  return (
    <Page
      title="Request"
      lead="Ask for a task on a target, or for several together, for as long as it takes. The clock starts when the doors open."
    >
      <Loaded query={targets} rows={1} rowHeight={420}>
        {(known) =>
          known.length === 0 ? (
            <Empty title="There is no target yet">
              An administrator adds the first one under Targets, or with ./sally target add.
            </Empty>
          ) : (
            <Loaded query={waiting ? { ...tasks, data: undefined } : tasks} rows={1} rowHeight={420}>
              {(possible) => (
                <RequestForm
                  key={`${search.like ?? ''} ${search.target ?? ''} ${search.task ?? ''}`}
                  start={start}
                  targets={known}
                  tasks={possible}
                />
              )}
            </Loaded>
          )
        }
      </Loaded>
    </Page>
  );
}
