// Policy: every rule in force as a sentence beside its Cedar.

import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { policyPages } from '../api/policies.ts';
import { PolicySearchForm } from '../forms/policy-search-form.tsx';
import { ButtonLink } from '../parts/button-link.tsx';
import { Empty } from '../parts/empty.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { MoreButton } from '../parts/more-button.tsx';
import { Page } from '../parts/page.tsx';
import { PolicyCard } from '../parts/policy-card.tsx';
import { counted } from '../words/counts.ts';

export function PolicyPage() {
  const search = useSearch({ from: '/in/policy' });
  const navigate = useNavigate({ from: '/policy' });
  const policies = useInfiniteQuery(policyPages(search));
  const [first] = policies.data?.pages ?? [];
  const filtered = Object.values(search).some((value) => value !== undefined);
  return (
    <Page
      title="Policy"
      lead="Who may do what, where and on which conditions: every policy in force as a sentence, made from the Cedar beside it."
      actions={
        <>
          <ButtonLink to="/policy/what-if" variant="default">
            What if
          </ButtonLink>
          <ButtonLink to="/policy/build" variant="default">
            Build a policy
          </ButtonLink>
        </>
      }
    >
      <PolicySearchForm
        search={search}
        onSearch={(next) => void navigate({ search: next, replace: true, resetScroll: false })}
        groups={first?.groups ?? []}
        segments={first?.segments ?? []}
      />
      <Loaded query={policies} rows={4} rowHeight={150}>
        {(pages) => {
          const items = pages.pages.flatMap((page) => page.items);
          if (items.length === 0) {
            return filtered ? (
              <Empty title="No policy is like that">Look for something else, or show all.</Empty>
            ) : (
              <Empty title="No policy in force">Nobody may do anything.</Empty>
            );
          }
          return (
            <div className="sp-stack">
              <p className="sp-soft sp-small" role="status">
                {counted(first?.count ?? items.length, 'policy', 'policies')}
                {filtered ? ' like that' : ' in force'}
              </p>
              {items.map((policy) => (
                <PolicyCard key={policy.id} policy={policy} />
              ))}
              <MoreButton query={policies} />
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}
