// A change of policy, or a set that was in force, in one line.

import { Link } from '@tanstack/react-router';
import type { Proposal, PublishedSet } from '../../src/api/policy-changes.ts';
import { counted, listText } from '../words/counts.ts';
import { changesText, PROPOSAL_STATES, shortDigest } from '../words/policy-change.ts';
import styles from './policy-change-line.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function PolicyChangeLine({ change }: { change: Proposal }) {
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        <Link to="/policy/changes/$id" params={{ id: change.id }} className={styles.link}>
          {change.comment}
        </Link>
        <span className={styles.sub}>
          {change.proposedBy.displayName} · {changesText(change.changes)}
          {change.pack === null ? '' : ` · pack of ${change.pack}`}
        </span>
      </div>
      <StateBadge words={PROPOSAL_STATES[change.state]} />
      <span className={styles.when}>
        <When at={change.decidedAt ?? change.proposedAt} as="ago" />
      </span>
    </li>
  );
}

export function PublishedSetLine({ set }: { set: PublishedSet }) {
  const alone = set.signatures.some((one) => one.sole);
  const names = listText(set.signatures.map((one) => one.by.displayName));
  const comment = set.comment ?? 'Put in force by Sallyport itself';
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        {set.proposalId === null ? (
          <span>{comment}</span>
        ) : (
          <Link to="/policy/changes/$id" params={{ id: set.proposalId }} className={styles.link}>
            {comment}
          </Link>
        )}
        <span className={styles.sub}>
          {names === '' ? '' : `${names}${alone ? ', alone' : ''} · `}
          {counted(set.policyFiles, 'file')} · <code>{shortDigest(set.digest)}</code>
        </span>
      </div>
      {set.inForce ? (
        <StateBadge words={{ word: 'In force', tone: 'open', meaning: 'Every decision is made by it.' }} />
      ) : (
        <span />
      )}
      <span className={styles.when}>
        <When at={set.publishedAt} as="ago" />
      </span>
      {alone ? (
        <span className={styles.alone}>One person changed policy alone: nobody else could have signed.</span>
      ) : null}
    </li>
  );
}
