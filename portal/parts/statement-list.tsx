// The statements of a session to read, and to jump to in the replay.

import type { Statement } from '../../src/api/sessions.ts';
import { localText, spanText, utcText } from '../time/when.ts';
import { bytesText, counted, millisText } from '../words/counts.ts';
import styles from './statement-list.module.css';

interface Props {
  statements: Statement[];
  current: number;
  onJump: (index: number) => void;
}

export function StatementList({ statements, current, onJump }: Props) {
  return (
    <ol className={`sp-panel ${styles.list}`} aria-label="Statements">
      {statements.map((statement, position) => (
        <li
          key={statement.index}
          className={styles.item}
          aria-current={position === current ? 'step' : undefined}
        >
          <button
            type="button"
            className={styles.jump}
            onClick={() => onJump(position)}
            aria-label={`Jump to statement ${statement.index + 1}`}
          >
            <span className={styles.number}>{statement.index + 1}</span>
            <time
              dateTime={statement.at}
              title={`${localText(statement.at, 0, { seconds: true })}, ${utcText(statement.at)}`}
            >
              +{spanText(statement.offsetMs / 1000)}
            </time>
          </button>
          <code className={styles.text}>{statement.text}</code>
          <span className={styles.result}>
            {statement.verdict === 'refused' ? (
              <strong className={styles.bad}>Refused</strong>
            ) : statement.error === null ? (
              <>
                <span title={bytesText(statement.bytes)}>{counted(statement.rows, 'row')}</span>
                <span>{statement.durationMs === null ? 'running' : millisText(statement.durationMs)}</span>
              </>
            ) : (
              <strong className={styles.bad}>{statement.error.sqlstate}</strong>
            )}
          </span>
          {statement.error === null ? null : <span className={styles.error}>{statement.error.message}</span>}
        </li>
      ))}
    </ol>
  );
}
