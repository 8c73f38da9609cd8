// How fast access ends, held against the objective, with what is left of its error budget as a bar.

import type { Health } from '../../src/api/health.ts';
import { spanText } from '../time/when.ts';
import { budgetText, shareText } from '../words/health.ts';
import { Facts } from './facts.tsx';
import styles from './revocation-panel.module.css';

interface Props {
  revocation: Health['revocation'];
  grants: Health['grants'];
}

export function RevocationPanel({ revocation, grants }: Props) {
  const { objectiveSeconds, objectiveShare, days, ended, within, budgetLeft } = revocation;
  const left = Math.max(0, Math.min(1, budgetLeft ?? 1));
  return (
    <section className="sp-section" aria-labelledby="revocation">
      <h2 id="revocation">How fast access ends</h2>
      <div className="sp-panel sp-pad sp-stack">
        <p>
          The objective: {objectiveShare * 100} % of grants are verified gone within {objectiveSeconds} s of
          their deadline, or of whoever ended them; over {days} days.
        </p>
        <Facts
          facts={[
            { name: 'Within the objective', value: shareText(revocation) },
            { name: 'Ended', value: `${within} of ${ended} in time` },
            { name: 'Median', value: spanOf(revocation.medianSeconds) },
            { name: '99th percentile', value: spanOf(revocation.p99Seconds) },
            { name: 'Active now', value: grants.active },
            { name: 'On their way out', value: grants.revoking + grants.cleanupPending },
          ]}
        />
        <div>
          <div className={styles.budget} aria-hidden="true">
            <span style={{ width: `${left * 100}%` }} data-spent={left === 0} />
          </div>
          <p className="sp-soft sp-small">{budgetText(revocation)}</p>
        </div>
      </div>
    </section>
  );
}

const spanOf = (seconds: number | null) => (seconds === null ? '–' : spanText(seconds));
