// A decision with its explanation, and the sentences of the policies that made it.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Preview } from '../../src/api/requests.ts';
import { policyByIdQuery } from '../api/policies.ts';
import { DecisionView } from './decision-view.tsx';
import styles from './explained-decision.module.css';
import { PolicySentence } from './policy-sentence.tsx';

/** More are named in the reasons. */
const MOST_SENTENCES = 8;

export function ExplainedDecision({ preview }: { preview: Preview }) {
  const { decision, longestSeconds, enough } = preview;
  const named = [...new Set(decision.reasons.map((reason) => reason.policy))].filter((id) => id !== '');
  return (
    <>
      <DecisionView decision={decision} longestSeconds={longestSeconds} enough={enough} />
      {named.length === 0 ? null : (
        <section aria-labelledby="by">
          <h3 id="by" className={styles.head}>
            {named.length === 1 ? 'The policy' : 'The policies'} that made it so
          </h3>
          <ul className={`sp-list ${styles.policies}`}>
            {named.slice(0, MOST_SENTENCES).map((id) => (
              <li key={id}>
                <Link to="/policy" search={{ id }} className="sp-link sp-mono">
                  {id}
                </Link>
                <Sentence id={id} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Sentence({ id }: { id: string }) {
  const policy = useQuery(policyByIdQuery(id));
  if (policy.data === undefined || policy.data === null) return null;
  return <PolicySentence parts={policy.data.sentence} />;
}
