// What the server says of a draft: what is wrong with it, what it says, what it would decide.

import type { CheckedPolicy, PolicyProblemView } from '../../src/api/policy-draft.ts';
import { ApiFailure } from '../api/failure.ts';
import { DecisionView } from './decision-view.tsx';
import styles from './draft-checked.module.css';
import { FailureNote, Trouble } from './failure-note.tsx';
import { PolicySentence } from './policy-sentence.tsx';

interface Props {
  checked: CheckedPolicy | undefined;
  error: unknown;
  part: 'said' | 'example';
}

export function DraftChecked({ checked, error, part }: Props) {
  if (error instanceof ApiFailure && error.status === 403 && error.field === undefined) {
    return part === 'example' ? null : (
      <p className="sp-soft">
        The server checks drafts for those who may change policies. The text can be copied all the same, for
        them to check.
      </p>
    );
  }
  if (error !== null && error !== undefined) return part === 'said' ? <FailureNote error={error} /> : null;
  if (checked === undefined) return null;
  return part === 'said' ? <Said checked={checked} /> : <Example example={checked.example} />;
}

function Said({ checked: { problems, policies } }: { checked: CheckedPolicy }) {
  if (problems.length > 0) return <Problems problems={problems} />;
  return (
    <section className="sp-stack" aria-labelledby="said" aria-live="polite">
      <h2 id="said">What it says</h2>
      <ul className={`sp-list ${styles.sentences}`}>
        {policies.map((policy) => (
          <li key={policy.id}>
            <PolicySentence parts={policy.sentence} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Problems({ problems }: { problems: PolicyProblemView[] }) {
  return (
    <Trouble>
      <ul className="sp-list">
        {problems.map((problem) => (
          <li key={`${problem.line} ${problem.column} ${problem.reason}`}>
            {problem.line === null ? '' : `Line ${problem.line}: `}
            {problem.reason}
            {problem.hint === null ? '' : ` ${problem.hint}`}
          </li>
        ))}
      </ul>
    </Trouble>
  );
}

function Example({ example }: { example: CheckedPolicy['example'] }) {
  if (example === null) return null;
  const { inForce, withDraft, together } = example;
  return (
    <div className={styles.two} aria-live="polite">
      <section aria-labelledby="now">
        <h3 id="now">As it is now</h3>
        <DecisionView {...shown(inForce)} />
      </section>
      <section aria-labelledby="then">
        <h3 id="then">With this policy</h3>
        {together ? null : (
          <p className="sp-soft sp-small">
            By this policy alone: too many policies in force speak of this to try all together here.
          </p>
        )}
        <DecisionView {...shown(withDraft)} />
      </section>
    </div>
  );
}

const shown = ({ decision, longestSeconds, enough }: NonNullable<CheckedPolicy['example']>['inForce']) => ({
  decision,
  longestSeconds,
  enough: enough.slice(0, 3),
});
