// What happened, moment by moment, with the time between.

import { Link } from '@tanstack/react-router';
import { secondsBetween, spanText } from '../time/when.ts';
import type { Happening } from '../words/elevation.ts';
import styles from './happenings.module.css';
import { When } from './when.tsx';

// Below this two moments belong to one act, and the time between says nothing.
const WORTH_TELLING_SECONDS = 1;

export function Happenings({ list }: { list: Happening[] }) {
  return (
    <ol className={styles.list}>
      {list.map((item, position) => {
        const before = list[position - 1];
        const passed = before === undefined ? 0 : secondsBetween(before.at, item.at);
        return (
          <li key={`${item.at} ${item.title}`} className={styles.item} data-tone={item.tone}>
            {passed < WORTH_TELLING_SECONDS ? null : (
              <span className={styles.passed}>{spanText(passed)} later</span>
            )}
            <span className={styles.at}>
              <When at={item.at} as="exact" />
            </span>
            <span className={styles.dot} aria-hidden="true" />
            <span className={styles.text}>
              {item.sessionId === null ? (
                item.title
              ) : (
                <Link to="/sessions/$id" params={{ id: item.sessionId }} className="sp-link">
                  {item.title}
                </Link>
              )}
              {item.detail === null ? null : <span className={styles.detail}>{item.detail}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
