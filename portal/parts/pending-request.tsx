// A request of mine that waits: who can say yes, who has looked, until when.

import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Me } from '../../src/api/people.ts';
import type { Request } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { queries } from '../api/query-client.ts';
import { cancel } from '../api/requests.ts';
import { askedText } from '../words/asked.ts';
import { mayCancel } from '../words/may.ts';
import { REQUEST_STATES } from '../words/states.ts';
import { BundleMembers } from './bundle-members.tsx';
import { FailureNote } from './failure-note.tsx';
import styles from './grant-card.module.css';
import { StageList } from './stage-list.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

export function PendingRequest({ request, me }: { request: Request; me: Me }) {
  const cancelling = useMutation({
    mutationFn: () => cancel(request.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['requests'] }),
  });
  return (
    <article className={`sp-panel sp-pad ${styles.card}`} aria-label={`${askedText(request)}, pending`}>
      <header className={styles.head}>
        <div>
          <h3 className={styles.name}>
            <Link to="/requests/$id" params={{ id: request.id }} className={styles.link}>
              {request.members.length === 0 ? request.task.name : askedText(request)}
            </Link>
            {request.members.length === 0 ? (
              <>
                <span className={styles.on}> on </span>
                {request.target.name}
              </>
            ) : null}
          </h3>
          <p className="sp-soft sp-small">
            for {describeDuration(request.durationSeconds)} · asked <When at={request.createdAt} as="ago" /> ·
            lapses <When at={request.expiresAt} as="ago" />
          </p>
        </div>
        <StateBadge words={REQUEST_STATES[request.state]} />
      </header>
      <p className="sp-wrap">
        {request.reason}
        {request.ticket === null ? null : <span className={styles.ticket}>{request.ticket}</span>}
      </p>
      {request.members.length === 0 ? null : <BundleMembers members={request.members} />}
      <StageList request={request} />
      {cancelling.error === null ? null : <FailureNote error={cancelling.error} />}
      <footer className="sp-row">
        <WhyButton
          variant="default"
          size="sm"
          mayNot={mayCancel(request, me)}
          loading={cancelling.isPending}
          onClick={() => cancelling.mutate()}
        >
          Cancel request
        </WhyButton>
      </footer>
    </article>
  );
}
