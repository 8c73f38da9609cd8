// A decision as people read it: the outcome, who has to say yes, why, what comes with it, and what would be enough.

import type { Decision } from '../../src/api/requests.ts';
import { controlWords, keptText } from '../../src/base/control-words.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { approvalsText, listText } from '../words/counts.ts';
import { OUTCOMES } from '../words/states.ts';
import styles from './decision-view.module.css';
import { StateBadge } from './state-badge.tsx';

interface Props {
  decision: Decision;
  longestSeconds?: number | null;
  enough?: string[];
  limits?: string[];
}

export function DecisionView({ decision, longestSeconds = null, enough = [], limits = [] }: Props) {
  const stages = decision.obligations.approvals;
  const extras = obligationsInWords(decision);
  const longest = longestSeconds ?? decision.obligations.maxDurationSeconds;
  return (
    <div className="sp-stack">
      <div>
        <StateBadge words={OUTCOMES[decision.outcome]} />
      </div>
      {decision.outcome === 'needs-approval' ? (
        <p className={styles.main}>It opens after {approvalsText(stages)}.</p>
      ) : null}
      {decision.outcome === 'allow' ? <p className={styles.main}>It opens as soon as you ask.</p> : null}
      {decision.reasons.length === 0 ? null : (
        <ul className={styles.reasons}>
          {decision.reasons.map((reason) => (
            <li
              key={`${reason.policy} ${reason.text}`}
              data-effect={decision.outcome === 'deny' ? 'forbid' : reason.effect}
            >
              {reason.text}{' '}
              {reason.policy === '' ? null : <code className={styles.policy}>{reason.policy}</code>}
            </li>
          ))}
        </ul>
      )}
      {enough.length === 0 ? null : (
        <div>
          <h3 className={styles.head}>What would be enough</h3>
          <ul className={styles.enough}>
            {enough.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </div>
      )}
      {decision.outcome !== 'deny' && longest !== null ? (
        <p className="sp-soft sp-small">{describeDuration(longest)} at most.</p>
      ) : null}
      {limits.length === 0 ? null : <p className="sp-soft sp-small">Taken: {limits.join('; ')}.</p>}
      {extras.length === 0 ? null : <p className="sp-soft sp-small">{extras.join(' ')}</p>}
    </div>
  );
}

function obligationsInWords(decision: Decision): string[] {
  if (decision.outcome === 'deny') return [];
  const { record, stepUp, mask, keepRecordingSeconds: kept, ...controls } = decision.obligations;
  return [
    ...(record === 'required'
      ? ['Sessions are recorded; without a recording there is no session.']
      : ['Sessions are recorded.']),
    ...(stepUp === 'passkey' ? ['A passkey is asked for.'] : []),
    ...(kept === undefined ? [] : [`Recordings are kept ${keptText(kept)}.`]),
    ...controlWords(controls).map((words) => `All sessions together: ${words}.`),
    ...(mask.length > 0 ? [`Masked in results: ${listText(mask)}.`] : []),
  ];
}
