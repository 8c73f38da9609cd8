// Changes of people that wait for a second person: what they do, why they take two, who proposed them, and the two answers.

import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { PeopleChange } from '../../src/api/people-changes.ts';
import { confirmChange, peopleChanged, peopleChangesQuery, refuseChange } from '../api/people-changes.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { CHANGE_STATES } from '../words/people.ts';
import { Empty } from './empty.tsx';
import { FailureNote } from './failure-note.tsx';
import { Loaded } from './loaded.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

export function PeopleChanges({ me }: { me: Me }) {
  const changes = useQuery(peopleChangesQuery);
  return (
    <Loaded query={changes} rows={2}>
      {(all) => {
        const open = all.filter((one) => one.state === 'open');
        const over = all.filter((one) => one.state !== 'open');
        return (
          <div className="sp-stack">
            {open.length === 0 ? (
              <Empty title="Nothing waits for a second person">
                What gives somebody a right over Sallyport or a voice in approvals, or takes a right away,
                stands here until somebody else agrees.
              </Empty>
            ) : (
              open.map((change) => <WaitingChange key={change.id} change={change} me={me} />)
            )}
            {over.length === 0 ? null : (
              <section className="sp-section" aria-labelledby="over">
                <h2 id="over">Before</h2>
                <ul className="sp-list sp-stack">
                  {over.map((change) => (
                    <li key={change.id} className="sp-row">
                      <StateBadge words={CHANGE_STATES[change.state]} />
                      <span className="sp-wrap">
                        {change.principal.displayName}: {change.does.join(' ')}
                        {change.decidedBy === null ? '' : ` ${change.decidedBy.displayName}, `}
                        <When at={change.decidedAt ?? change.expiresAt} as="ago" />
                      </span>
                    </li>
                  ))}
                </ul>
              </section>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}

function WaitingChange({ change, me }: { change: PeopleChange; me: Me }) {
  const [refusing, setRefusing] = useState(false);
  const confirming = useMutation({ mutationFn: () => confirmChange(change.id), onSuccess: peopleChanged });
  const own = change.proposedBy.id === me.id;
  return (
    <article className="sp-panel sp-pad sp-stack" aria-label={`A change of ${change.principal.displayName}`}>
      <h3>
        {change.principal.displayName} <span className="sp-mono sp-small">{change.principal.name}</span>
      </h3>
      <p>{change.does.join(' ')}</p>
      <p className="sp-soft">{change.whyTwo.join(' ')}</p>
      <p className="sp-soft sp-small">
        Proposed by {change.proposedBy.displayName} <When at={change.proposedAt} as="ago" />: “{change.reason}
        ”
      </p>
      {confirming.error === null ? null : <FailureNote error={confirming.error} />}
      <div className="sp-row">
        <WhyButton
          size="sm"
          mayNot={change.mayNotConfirm}
          loading={confirming.isPending}
          onClick={() => confirming.mutate()}
        >
          Confirm
        </WhyButton>
        <WhyButton size="sm" variant="default" mayNot={null} onClick={() => setRefusing(true)}>
          {own ? 'Take it back' : 'Refuse'}
        </WhyButton>
      </div>
      {refusing ? (
        <ReasonForm
          title={own ? 'Take this change back' : 'Refuse this change'}
          act={own ? 'Take it back' : 'Refuse'}
          onAct={async (reason) => {
            await refuseChange(change.id, reason);
            await peopleChanged();
          }}
          onClose={() => setRefusing(false)}
        >
          Nothing changes. Whoever wants it proposes it anew.
        </ReasonForm>
      ) : null}
    </article>
  );
}
