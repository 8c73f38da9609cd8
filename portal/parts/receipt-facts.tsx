// What a grant was asked for, what it was used for, and what would have been enough.

import type { Receipt } from '../../src/api/grants.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { rowsText, sizeText } from '../../src/base/size.ts';
import { spanText } from '../time/when.ts';
import { capital, counted } from '../words/counts.ts';
import { Facts } from './facts.tsx';
import styles from './receipt-facts.module.css';
import { RightsList } from './rights-list.tsx';
import { ShareBar } from './share-bar.tsx';

export function ReceiptFacts({ receipt }: { receipt: Receipt }) {
  const asked = receipt.asked.durationSeconds;
  return (
    <div className="sp-stack">
      <Facts
        facts={[
          { name: 'Asked for', value: describeDuration(asked) },
          {
            name: 'Held',
            value: receipt.heldSeconds === null ? 'Never opened' : spanText(receipt.heldSeconds),
          },
          { name: 'In use', value: receipt.usedSeconds === 0 ? 'Not at all' : spanText(receipt.usedSeconds) },
          { name: 'Sessions', value: receipt.sessions },
          { name: 'Statements', value: receipt.statements.toLocaleString('en') },
          { name: 'Read', value: readText(receipt.read) },
        ]}
      />
      <ShareBar
        label={`In use ${describeDuration(receipt.usedSeconds)}, held ${describeDuration(receipt.heldSeconds ?? 0)}, asked ${describeDuration(asked)}`}
        inner={receipt.usedSeconds}
        outer={receipt.heldSeconds ?? 0}
        whole={asked}
      />
      <p className="sp-soft sp-wrap">“{receipt.asked.reason}”</p>
      <div className={styles.columns}>
        <section>
          <h3>Used</h3>
          {receipt.used.length === 0 ? (
            <p className="sp-soft">Nothing was used.</p>
          ) : (
            <ul className={styles.used}>
              {receipt.used.map((use) => (
                <li key={use.right}>
                  <span className="sp-wrap">{use.right}</span>
                  <span className="sp-soft sp-small">
                    {counted(use.statements, 'statement')}, {counted(use.rows, 'row')}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </section>
        {receipt.unused.length === 0 ? null : (
          <section>
            <h3>Not used</h3>
            <RightsList rights={receipt.unused} as="unused" />
          </section>
        )}
        {receipt.beyond.length === 0 ? null : (
          <section>
            <h3>Beyond its task</h3>
            <p className="sp-soft sp-small">
              Passed because the task only warns. To enforce its lists, it would have to name these.
            </p>
            <ul className={styles.used}>
              {receipt.beyond.map(({ what, statements }) => (
                <li key={what}>
                  <span className="sp-wrap">{what}</span>
                  <span className="sp-soft sp-small">{counted(statements, 'statement')}</span>
                </li>
              ))}
            </ul>
          </section>
        )}
        {receipt.leftBehind.length === 0 ? null : (
          <section>
            <h3>Left behind</h3>
            <RightsList rights={receipt.leftBehind} />
          </section>
        )}
      </div>
      {receipt.narrower === null ? null : <p className={styles.narrower}>{capital(receipt.narrower)}</p>}
    </div>
  );
}

function readText({ rows, bytes, mostRows, mostBytes }: Receipt['read']): string {
  const of = (most: string | null) => (most === null ? '' : ` of ${most}`);
  const size = `${sizeText(bytes)}${of(mostBytes === null ? null : sizeText(mostBytes))}`;
  return `${rowsText(rows)}${of(mostRows === null ? null : rowsText(mostRows))}, ${size}`;
}
