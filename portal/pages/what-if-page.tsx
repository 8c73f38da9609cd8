// What if: any circumstances, and the decision that policy would make.

import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { targetsQuery, tasksQuery } from '../api/targets.ts';
import { WhatIfForm } from '../forms/what-if-form.tsx';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';
import { searchFrom, whatIfFrom } from '../words/what-if.ts';

export function WhatIfPage() {
  const me = useMe();
  const search = useSearch({ from: '/in/policy/what-if' });
  const navigate = useNavigate({ from: '/policy/what-if' });
  const targets = useQuery(targetsQuery);
  const tasks = useQuery(tasksQuery);
  return (
    <Page
      title="What if"
      lead="Who asks for what, from where and when: the decision as it would be, and what would be enough. Nothing is asked for, and nothing is written."
      above={
        <Link to="/policy" className="sp-link">
          Policy
        </Link>
      }
    >
      <Loaded query={targets} rows={2} rowHeight={180}>
        {(found) =>
          found.length === 0 ? (
            <Empty title="No target yet">There is nothing that anybody could ask for.</Empty>
          ) : (
            <WhatIfForm
              start={whatIfFrom(search)}
              onChange={(form) =>
                void navigate({ search: searchFrom(form), replace: true, resetScroll: false })
              }
              me={me}
              targets={found}
              tasks={tasks.data ?? []}
            />
          )
        }
      </Loaded>
    </Page>
  );
}
