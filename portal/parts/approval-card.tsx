// The approver's card: everything that a decision needs, on one card, and the decision itself.

import { Link } from '@tanstack/react-router';
import type { Request } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { ApproveForm } from '../forms/approve-form.tsx';
import { askedText } from '../words/asked.ts';
import { REQUEST_STATES } from '../words/states.ts';
import styles from './approval-card.module.css';
import { BundleMembers } from './bundle-members.tsx';
import { Facts } from './facts.tsx';
import { RightsList } from './rights-list.tsx';
import { StageList } from './stage-list.tsx';
import { StateBadge } from './state-badge.tsx';
import { Verdicts } from './verdicts.tsx';
import { When } from './when.tsx';

export function ApprovalCard({ request }: { request: Request }) {
  const { requester, target, task } = request;
  return (
    <article
      data-decided={request.state !== 'pending'}
      className={`sp-panel ${styles.card}`}
      aria-label={`${requester.name} asks for ${askedText(request)}`}
    >
      <header className={styles.head}>
        <h2 className={styles.title}>
          {requester.displayName} asks for {request.extends === null ? '' : 'more time for '}
          <Link to="/requests/$id" params={{ id: request.id }} className="sp-link">
            {askedText(request)}
          </Link>
          {request.members.length === 0 ? ' ' : ', all or none, '}
          {request.extends === null
            ? `for ${describeDuration(request.durationSeconds)}`
            : `: ${describeDuration(request.durationSeconds)} in all, ${describeDuration(request.extends.hasSeconds)} until now`}
        </h2>
        <StateBadge words={REQUEST_STATES[request.state]} />
      </header>
      <blockquote className={styles.reason}>
        {request.reason}
        {request.ticket === null ? null : <span className={styles.ticket}>{request.ticket}</span>}
      </blockquote>
      <div className={styles.columns}>
        <section>
          <h3 className={styles.sub}>What it may do</h3>
          {request.members.length === 0 ? (
            <RightsList rights={task.rights} />
          ) : (
            <BundleMembers members={request.members} />
          )}
        </section>
        <section>
          <h3 className={styles.sub}>What differs from usual</h3>
          {request.unusual.length === 0 ? (
            <p className="sp-soft">Nothing stands out.</p>
          ) : (
            <ul className={styles.unusual}>
              {request.unusual.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          )}
        </section>
      </div>
      <Facts
        facts={[
          { name: 'Segment', value: <span className="sp-mono">{target.segment}</span> },
          { name: 'Environment', value: `${target.environment}, ${target.sensitivity} sensitivity` },
          {
            name: 'Last used',
            value:
              request.lastUsedAt === null ? (
                'Never by this person'
              ) : (
                <When at={request.lastUsedAt} as="ago" />
              ),
          },
          {
            name: 'Asked',
            value: (
              <>
                <When at={request.createdAt} as="ago" /> from{' '}
                <span className="sp-mono">{request.sourceAddress}</span>
              </>
            ),
          },
          ...(request.use === null
            ? []
            : [
                {
                  name: 'Only',
                  value: request.use === 'once' ? 'One session' : 'Until its last session ends',
                },
              ]),
          ...(request.startsAt === null ? [] : [{ name: 'Starts', value: <When at={request.startsAt} /> }]),
          { name: 'Lapses', value: <When at={request.expiresAt} as="ago" /> },
        ]}
      />
      <StageList request={request} />
      <Verdicts approvals={request.approvals} />
      {request.state === 'pending' ? <ApproveForm request={request} /> : null}
    </article>
  );
}
