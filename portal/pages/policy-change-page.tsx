// One change of policy, as whoever signs it has to see it: what it would do, the text, the live grants that would end,
// and the two signatures on its digest.

import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { ProposalDetail } from '../../src/api/policy-plan.ts';
import { proposalQuery, refuseChange, withdrawChange } from '../api/policy-changes.ts';
import { queries } from '../api/query-client.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { SignChangeForm } from '../forms/sign-change-form.tsx';
import { Facts } from '../parts/facts.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { PolicyPlanView } from '../parts/policy-plan-view.tsx';
import { PolicySignatures } from '../parts/policy-signatures.tsx';
import { PolicyTexts } from '../parts/policy-texts.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { When } from '../parts/when.tsx';
import { WhyButton } from '../parts/why-button.tsx';
import { changesText, PROPOSAL_STATES } from '../words/policy-change.ts';

const again = () => queries.invalidateQueries({ queryKey: ['policy-changes'] });

export function PolicyChangePage() {
  const { id } = useParams({ from: '/in/policy/changes/$id' });
  const change = useQuery(proposalQuery(id));
  return (
    <Page
      title="Change of policy"
      lead={change.data?.comment}
      above={
        <Link to="/policy/changes" className="sp-link">
          Policy changes
        </Link>
      }
    >
      <Loaded query={change} rows={3} rowHeight={140}>
        {(data) => <Whole change={data} />}
      </Loaded>
    </Page>
  );
}

function Whole({ change }: { change: ProposalDetail }) {
  return (
    <>
      <section className="sp-panel sp-pad sp-stack" aria-label="How it stands">
        <div className="sp-row">
          <StateBadge words={PROPOSAL_STATES[change.state]} />
          {change.reason === null ? null : <span className="sp-wrap">“{change.reason}”</span>}
        </div>
        <Facts facts={factsOf(change)} />
        <PolicySignatures change={change} />
        {change.state === 'open' ? <Acts change={change} /> : null}
      </section>
      <section className="sp-section" aria-labelledby="plan">
        <h2 id="plan">What it would do</h2>
        <PolicyPlanView plan={change.plan} planning={change.planning} open={change.state === 'open'} />
      </section>
      <section className="sp-section" aria-labelledby="texts">
        <h2 id="texts">What changes in the text</h2>
        <PolicyTexts files={change.files} />
      </section>
    </>
  );
}

function factsOf(change: ProposalDetail) {
  return [
    { name: 'Proposed by', value: change.proposedBy.displayName },
    { name: 'Proposed', value: <When at={change.proposedAt} as="ago" /> },
    ...(change.state === 'open'
      ? [{ name: 'Expires', value: <When at={change.expiresAt} /> }]
      : change.decidedAt === null
        ? []
        : [{ name: 'Decided', value: <When at={change.decidedAt} as="ago" /> }]),
    { name: 'Changes', value: changesText(change.changes) },
    ...(change.pack === null ? [] : [{ name: 'Pack of', value: change.pack }]),
    ...(change.rollback ? [{ name: 'Kind', value: 'Back to an earlier set' }] : []),
    {
      name: 'Live grants',
      value: change.liveGrants === 'end' ? 'End when no longer permitted' : 'Run out unless forbidden',
    },
  ];
}

function Acts({ change }: { change: ProposalDetail }) {
  const [asking, setAsking] = useState<'sign' | 'refuse' | null>(null);
  const withdrawing = useMutation({ mutationFn: () => withdrawChange(change.id), onSuccess: again });
  const close = () => setAsking(null);
  return (
    <>
      <div className="sp-row">
        <WhyButton mayNot={change.mayNot} onClick={() => setAsking('sign')}>
          Sign
        </WhyButton>
        {change.mayNot === null && !change.soleSigner ? (
          <Button variant="outline" color="ember" onClick={() => setAsking('refuse')}>
            Refuse
          </Button>
        ) : null}
        {change.mayWithdraw ? (
          <Button variant="default" loading={withdrawing.isPending} onClick={() => withdrawing.mutate()}>
            Withdraw
          </Button>
        ) : null}
      </div>
      {withdrawing.error === null ? null : <FailureNote error={withdrawing.error} />}
      {asking === 'sign' ? <SignChangeForm change={change} onDone={again} onClose={close} /> : null}
      {asking === 'refuse' ? (
        <ReasonForm
          title="Refuse this change"
          act="Refuse"
          onAct={(reason) => refuseChange(change.id, reason).then(again)}
          onClose={close}
        >
          The policies in force stay as they are. {change.proposedBy.displayName} reads your reason.
        </ReasonForm>
      ) : null}
    </>
  );
}
