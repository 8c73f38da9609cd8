// One live grant of mine: how long the doors stay open, how to go through them, how to keep or shut them.

import { Button } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Grant } from '../../src/api/grants.ts';
import type { Me } from '../../src/api/people.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { done } from '../api/grants.ts';
import { queries } from '../api/query-client.ts';
import { ExtendForm } from '../forms/extend-form.tsx';
import { counted } from '../words/counts.ts';
import { mayEnd, mayExtend, mayUse } from '../words/may.ts';
import { GRANT_STATES } from '../words/states.ts';
import { ClosingDoors } from './closing-doors.tsx';
import { ConnectLines } from './connect-lines.tsx';
import { CredentialDialog } from './credential-dialog.tsx';
import { FailureNote } from './failure-note.tsx';
import styles from './grant-card.module.css';
import { GrantTrouble } from './grant-trouble.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

/** What is unlike a plain grant: its sessions, more time that is asked for. */
function GrantTerms({ grant }: { grant: Grant }) {
  const { use, extension } = grant;
  if (use === null && extension === null) return null;
  return (
    <p className="sp-soft sp-small">
      {use === 'once' ? 'For one session. ' : use === 'session' ? 'Ends with its last session. ' : ''}
      {extension === null ? null : (
        <Link to="/requests/$id" params={{ id: extension.requestId }} className="sp-link">
          {describeDuration(extension.durationSeconds)} in all waits for approval
        </Link>
      )}
    </p>
  );
}

export function GrantCard({ grant, me, linked = true }: { grant: Grant; me: Me; linked?: boolean }) {
  const [dialog, setDialog] = useState<'extend' | 'credential' | null>(null);
  const ending = useMutation({
    mutationFn: () => done(grant.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['grants'] }),
  });
  const name = `${grant.task} on ${grant.target}`;
  const running = grant.state === 'active' && grant.activatedAt !== null && grant.expiresAt !== null;
  const waits = running && grant.claimBy !== null;
  return (
    <article className={`sp-panel sp-pad ${styles.card}`} aria-label={name}>
      <header className={styles.head}>
        <div>
          <h3 className={styles.name}>
            {linked ? (
              <Link to="/requests/$id" params={{ id: grant.requestId }} className={styles.link}>
                {grant.task}
              </Link>
            ) : (
              grant.task
            )}
            <span className={styles.on}> on </span>
            {grant.target}
          </h3>
          <p className="sp-soft sp-small">
            <span className="sp-mono">{grant.segment}</span>
            {grant.liveSessions === 0 ? null : ` · ${counted(grant.liveSessions, 'live session')}`}
            {grant.breakGlass === null
              ? null
              : grant.breakGlass === 'drill'
                ? ' · break-glass drill'
                : ' · by break-glass'}
          </p>
        </div>
        <StateBadge words={GRANT_STATES[grant.state]} />
      </header>
      {running && grant.activatedAt !== null && grant.expiresAt !== null ? (
        <>
          {waits && grant.claimBy !== null ? (
            <p>
              Ready: connect by <When at={grant.claimBy} />. Then it runs for{' '}
              {describeDuration(grant.durationSeconds)}.
            </p>
          ) : (
            <ClosingDoors activatedAt={grant.activatedAt} expiresAt={grant.expiresAt} of={name} />
          )}
          <GrantTerms grant={grant} />
          <ConnectLines grant={grant} />
        </>
      ) : (
        <p className="sp-soft">
          {grant.state === 'planned' && grant.startsAt !== null ? (
            <>
              It starts at <When at={grant.startsAt} />, for {describeDuration(grant.durationSeconds)}.
            </>
          ) : (
            GRANT_STATES[grant.state].meaning
          )}
        </p>
      )}
      <GrantTrouble grant={grant} />
      {ending.error === null ? null : <FailureNote error={ending.error} />}
      <footer className="sp-row">
        {running ? (
          <>
            <WhyButton
              variant="default"
              size="sm"
              leftSection={<IconKey size={16} />}
              mayNot={mayUse(grant, me)}
              onClick={() => setDialog('credential')}
            >
              Show a connection string
            </WhyButton>
            <WhyButton
              variant="default"
              size="sm"
              mayNot={mayExtend(grant, me)}
              onClick={() => setDialog('extend')}
            >
              Extend
            </WhyButton>
          </>
        ) : null}
        {mayEnd(grant) === null ? (
          <Button
            size="sm"
            className={styles.done}
            loading={ending.isPending}
            onClick={() => ending.mutate()}
            title={
              grant.liveSessions > 0
                ? `Gives it back and ends ${counted(grant.liveSessions, 'session')}`
                : 'Gives it back now'
            }
          >
            {grant.state === 'planned' ? 'Call it off' : 'Done'}
          </Button>
        ) : null}
      </footer>
      {dialog === 'extend' ? <ExtendForm grant={grant} onClose={() => setDialog(null)} /> : null}
      {dialog === 'credential' ? <CredentialDialog grant={grant} onClose={() => setDialog(null)} /> : null}
    </article>
  );
}
