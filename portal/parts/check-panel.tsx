// A target's check: what is there, what is missing, and the SQL that mends it, ready to paste.

import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import type { Me } from '../../src/api/people.ts';
import type { Target } from '../../src/api/targets.ts';
import { queries } from '../api/query-client.ts';
import { checkTarget } from '../api/targets.ts';
import { checkWords } from '../words/checks.ts';
import { mayAdminister } from '../words/may.ts';
import styles from './check-panel.module.css';
import { CopyLine } from './copy-line.tsx';
import { FailureNote } from './failure-note.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

const ICONS = { ok: IconCheck, warn: IconAlertTriangle, fail: IconX } as const;
const WORDS = { ok: 'Passed', warn: 'Warning', fail: 'Failed' } as const;

export function CheckPanel({ target, me }: { target: Target; me: Me }) {
  const checking = useMutation({
    mutationFn: () => checkTarget(target.name),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['targets'] }),
  });
  const report = checking.data ?? target.check;
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
      {report === null ? null : (
        <ul className={`sp-panel ${styles.list}`}>
          {[...report.items]
            .sort((a, b) => ORDER[a.status] - ORDER[b.status])
            .map((item) => {
              const Icon = ICONS[item.status];
              return (
                <li key={item.name} data-status={item.status} className={styles.item}>
                  <Icon size={17} role="img" aria-label={WORDS[item.status]} />
                  <div className={styles.text}>
                    <strong>{item.name}</strong>
                    <p className="sp-soft sp-wrap">{item.detail}</p>
                    {item.fix === undefined ? null : (
                      <CopyLine block text={item.fix} label={`Copy what mends “${item.name}”`} />
                    )}
                  </div>
                </li>
              );
            })}
        </ul>
      )}
    </section>
  );
}

const ORDER = { fail: 0, warn: 1, ok: 2 } as const;
