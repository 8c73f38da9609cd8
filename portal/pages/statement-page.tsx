// One statement that waits for a yes: what runs, with which values, what the target expects of it, and the decision. An
// approval holds for exactly this text with these values, and for one run.

import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { StatementCard } from '../../src/api/statements.ts';
import { approveStatement, denyStatement, statementQuery } from '../api/statements.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { Facts } from '../parts/facts.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { Stages } from '../parts/stage-list.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { Verdicts } from '../parts/verdicts.tsx';
import { When } from '../parts/when.tsx';
import { STATEMENT_STATES } from '../words/states.ts';
import styles from './statement-page.module.css';

export function StatementPage() {
  const { id } = useParams({ from: '/in/statements/$id' });
  const found = useQuery(statementQuery(id));
  const card = found.data;
  return (
    <Page
      title={card === undefined ? 'Statement' : `One statement on ${card.target}`}
      lead={card === undefined ? undefined : `“${card.purpose}”`}
      above={
        <Link to="/approvals" className="sp-link">
          Approvals
        </Link>
      }
    >
      <Loaded query={found} rows={2} rowHeight={160}>
        {(one) => (
          <div className={styles.card}>
            <CardFacts card={one} />
            <Code title="Runs" text={one.text} />
            {one.parameters.length === 0 ? null : (
              <Code
                title="With these values"
                text={one.parameters.map((value, i) => `$${i + 1} = ${value ?? 'NULL'}`).join('\n')}
              />
            )}
            <Code title="What the target expects" text={one.estimate ?? 'Not known.'} quiet />
            <section className={`sp-panel ${styles.decide}`} aria-label="Decision">
              <Stages stages={one.stages} deciding={one.state === 'waiting'} />
              <Verdicts approvals={one.approvals} />
              <Decision card={one} />
            </section>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function CardFacts({ card }: { card: StatementCard }) {
  return (
    <Facts
      facts={[
        { name: 'State', value: <StateBadge words={STATEMENT_STATES[card.state]} /> },
        { name: 'Asked by', value: card.principal.displayName },
        {
          name: 'Task',
          value: (
            <Link to="/requests/$id" params={{ id: card.requestId }} className="sp-link">
              {card.task}
            </Link>
          ),
        },
        { name: 'Segment', value: <span className="sp-mono">{card.segment}</span> },
        {
          name: card.state === 'waiting' ? 'Waits until' : 'Was asked',
          value: <When at={card.state === 'waiting' ? card.expiresAt : card.createdAt} />,
        },
      ]}
    />
  );
}

function Code({ title, text, quiet = false }: { title: string; text: string; quiet?: boolean }) {
  return (
    <section>
      <h2 className={styles.head}>{title}</h2>
      <pre className={`sp-panel ${styles.code}`} data-quiet={quiet}>
        <code>{text}</code>
      </pre>
    </section>
  );
}

function Decision({ card }: { card: StatementCard }) {
  const [denying, setDenying] = useState(false);
  const queries = useQueryClient();
  const show = (now: StatementCard) => queries.setQueryData(statementQuery(card.id).queryKey, now);
  const approving = useMutation({
    mutationFn: () => approveStatement(card.id, card.digest),
    onSuccess: show,
  });
  if (card.state === 'denied')
    return (
      <p>
        {card.decidedBy?.displayName ?? 'Somebody'} said no: “{card.reason}”
      </p>
    );
  if (!card.mayApprove) return card.mayNot === null ? null : <p className="sp-soft">{card.mayNot}</p>;
  return (
    <div className="sp-stack">
      <p className="sp-soft">A yes holds for exactly this statement, once.</p>
      {approving.error === null ? null : (
        <FailureNote error={approving.error} onRetry={() => approving.mutate()} />
      )}
      <div className="sp-row">
        <Button loading={approving.isPending} onClick={() => approving.mutate()}>
          Approve this statement
        </Button>
        <Button variant="default" onClick={() => setDenying(true)}>
          Deny
        </Button>
      </div>
      {denying ? (
        <ReasonForm
          title="Deny this statement"
          act="Deny it"
          onAct={async (reason) => show(await denyStatement(card.id, reason))}
          onClose={() => setDenying(false)}
        >
          The statement does not run; the session goes on. {card.principal.displayName} is told why.
        </ReasonForm>
      ) : null}
    </div>
  );
}
