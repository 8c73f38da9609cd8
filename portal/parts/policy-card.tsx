// One policy: its sentence, beside it the Cedar that it stands for, below it who keeps it and until when.

import { useMediaQuery } from '@mantine/hooks';
import type { PolicyView } from '../../src/api/policies.ts';
import { utcText } from '../time/when.ts';
import type { StateWords } from '../words/states.ts';
import { CedarCode } from './cedar-code.tsx';
import styles from './policy-card.module.css';
import { PolicySentence } from './policy-sentence.tsx';
import { StateBadge } from './state-badge.tsx';

const EFFECTS: Record<PolicyView['effect'] | 'expired', StateWords> = {
  permit: { word: 'Permits', tone: 'good', meaning: 'It allows, unless a forbid holds.' },
  forbid: { word: 'Forbids', tone: 'bad', meaning: 'It beats every permit.' },
  expired: { word: 'Expired', tone: 'quiet', meaning: 'It does not count any more.' },
};

export function PolicyCard({ policy }: { policy: PolicyView }) {
  const unusual = policy.sentence.some((part) => part.cedar);
  return (
    <article className={`sp-panel ${styles.card}`} aria-label={policy.id}>
      <div className={styles.told}>
        <header className="sp-row">
          <StateBadge words={EFFECTS[policy.effect]} />
          {policy.expired ? <StateBadge words={EFFECTS.expired} /> : null}
          <h2 className={styles.id}>{policy.id}</h2>
        </header>
        <PolicySentence parts={policy.sentence} />
        {unusual ? (
          <p className="sp-soft sp-small">
            A condition is too unusual for words; it is shown as it is written, and holds all the same.
          </p>
        ) : null}
        {policy.description === null ? null : <p className="sp-soft">“{policy.description}”</p>}
        <p className={styles.notes}>
          <span className="sp-mono">
            {policy.file}
            {policy.line === null ? '' : `:${policy.line}`}
          </span>
          <span>{policy.owner === null ? 'No owner named' : `Owner ${policy.owner}`}</span>
          {policy.expiresAt === null ? null : (
            <span>
              {policy.expired ? 'Expired' : 'Expires'} {utcText(policy.expiresAt)}
            </span>
          )}
          {policy.learnedFrom === null ? null : <span>Learned from {policy.learnedFrom}</span>}
        </p>
      </div>
      <Cedar policy={policy} />
    </article>
  );
}

// Beside the sentence where there is room; on a phone behind one press, or the list is mostly Cedar.
function Cedar({ policy }: { policy: PolicyView }) {
  const narrow = useMediaQuery('(max-width: 900px)', window.innerWidth <= 900, {
    getInitialValueInEffect: false,
  });
  const code = <CedarCode text={policy.cedar} label={`Cedar of ${policy.id}`} />;
  if (!narrow) return code;
  return (
    <details className={styles.fold}>
      <summary>Cedar</summary>
      {code}
    </details>
  );
}
