// Somebody else's live grant, as an administrator or auditor sees it: how long it stands open, and a way to end it.

import { useState } from 'react';
import type { Grant } from '../../src/api/grants.ts';
import { revoke } from '../api/grants.ts';
import { queries } from '../api/query-client.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { counted } from '../words/counts.ts';
import { mayEnd } from '../words/may.ts';
import { GRANT_STATES } from '../words/states.ts';
import { ClosingDoors } from './closing-doors.tsx';
import styles from './grant-card.module.css';
import { GrantTrouble } from './grant-trouble.tsx';
import { StateBadge } from './state-badge.tsx';
import { WhyButton } from './why-button.tsx';

export function OthersGrant({ grant }: { grant: Grant }) {
  const [ending, setEnding] = useState(false);
  const name = `${grant.task} on ${grant.target}`;
  async function end(reason: string): Promise<void> {
    await revoke(grant.id, reason);
    await queries.invalidateQueries({ queryKey: ['grants'] });
    await queries.invalidateQueries({ queryKey: ['requests'] });
  }
  return (
    <article
      className={`sp-panel sp-pad ${styles.card}`}
      aria-label={`${grant.principal.name} holds ${name}`}
    >
      <header className={styles.head}>
        <div>
          <h3 className={styles.name}>{grant.principal.displayName} holds it</h3>
          <p className="sp-soft sp-small">
            as <span className="sp-mono">{grant.login}</span>, {counted(grant.liveSessions, 'live session')}
          </p>
        </div>
        <StateBadge words={GRANT_STATES[grant.state]} />
      </header>
      {grant.state === 'active' && grant.activatedAt !== null && grant.expiresAt !== null ? (
        <ClosingDoors activatedAt={grant.activatedAt} expiresAt={grant.expiresAt} of={name} />
      ) : (
        <p className="sp-soft">{GRANT_STATES[grant.state].meaning}</p>
      )}
      <GrantTrouble grant={grant} />
      <footer className="sp-row">
        <WhyButton
          size="sm"
          color="ember"
          variant="outline"
          mayNot={mayEnd(grant)}
          onClick={() => setEnding(true)}
        >
          Revoke
        </WhyButton>
      </footer>
      {ending ? (
        <ReasonForm title={`Revoke ${name}`} act="Revoke now" onAct={end} onClose={() => setEnding(false)}>
          {grant.principal.displayName} loses it at once, and {counted(grant.liveSessions, 'session')} of it
          will be ended.
        </ReasonForm>
      ) : null}
    </article>
  );
}
