// The period in one line of figures.

import type { Insights } from '../../src/api/insights.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { spanText } from '../time/when.ts';
import { counted, percentText } from '../words/counts.ts';
import styles from './figures.module.css';

export function Figures({ insights }: { insights: Insights }) {
  const { totals } = insights;
  const figures = [
    {
      value: totals.requests.toLocaleString('en'),
      name: 'requests',
      note: `${totals.allowed} at once, ${totals.approved} approved, ${totals.denied} denied`,
    },
    {
      value: totals.medianSecondsToAccess === null ? '–' : spanText(totals.medianSecondsToAccess),
      name: 'median time to access',
      note: `${totals.pending} pending`,
    },
    {
      value: percentText(totals.usedSeconds, totals.heldSeconds),
      name: 'of the time held was used',
      note: `${describeDuration(totals.usedSeconds)} of ${describeDuration(totals.heldSeconds)}`,
    },
    {
      value: percentText(totals.rightsUsed, totals.rightsGranted),
      name: 'of the rights given were used',
      note: `${totals.rightsUsed} of ${totals.rightsGranted}`,
    },
    {
      value: String(insights.activeGrants),
      name: 'grants are live',
      note: `${counted(insights.liveSessions, 'live session')}${insights.overdueGrants > 0 ? `, ${insights.overdueGrants} overdue` : ''}`,
    },
  ];
  return (
    <dl className={`sp-panel ${styles.figures}`}>
      {figures.map((figure) => (
        <div key={figure.name} className={styles.figure}>
          <dt className={styles.name}>{figure.name}</dt>
          <dd className={styles.value}>{figure.value}</dd>
          <dd className={styles.note}>{figure.note}</dd>
        </div>
      ))}
    </dl>
  );
}
