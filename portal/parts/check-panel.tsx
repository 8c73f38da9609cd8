// A target's check: what is missing, with the SQL that mends it, ready to paste; what passed stands folded below.

import { useMutation } from '@tanstack/react-query';
import type { Me } from '../../src/api/people.ts';
import type { Target } from '../../src/api/targets.ts';
import { queries } from '../api/query-client.ts';
import { checkTarget } from '../api/targets.ts';
import { checkWords } from '../words/checks.ts';
import { counted } from '../words/counts.ts';
import { mayAdminister } from '../words/may.ts';
import { CheckItems } from './check-items.tsx';
import styles from './check-panel.module.css';
import { FailureNote } from './failure-note.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

export function CheckPanel({ target, me }: { target: Target; me: Me }) {
  const checking = useMutation({
    mutationFn: () => checkTarget(target.name),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['targets'] }),
  });
  const report = checking.data ?? target.check;
  const items = report?.items ?? [];
  const passed = items.filter((item) => item.status === 'ok');
  const failed = items.filter((item) => item.status === 'fail');
  const warned = items.filter((item) => item.status === 'warn');
  return (
    <section className="sp-section" aria-labelledby="check">
      <div className="sp-row">
        <h2 id="check">Check</h2>
        <StateBadge words={checkWords(report)} />
        {report === null ? null : (
          <span className="sp-soft sp-small">
            <When at={report.checkedAt} as="ago" />
          </span>
        )}
        <WhyButton
          variant="default"
          size="xs"
          ml="auto"
          mayNot={mayAdminister(me)}
          loading={checking.isPending}
          onClick={() => checking.mutate()}
        >
          Check now
        </WhyButton>
      </div>
      {checking.error === null ? null : <FailureNote error={checking.error} />}
      {items.length === 0 ? null : (
        <div className="sp-panel">
          <CheckItems items={[...failed, ...warned]} />
          {passed.length === 0 ? null : (
            <details className={styles.passed}>
              <summary>{counted(passed.length, 'check')} passed</summary>
              <CheckItems items={passed} />
            </details>
          )}
        </div>
      )}
    </section>
  );
}
