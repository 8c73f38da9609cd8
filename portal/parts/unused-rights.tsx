// Rights that were given again and again and never used: what a narrower task would leave out.

import type { Insights } from '../../src/api/insights.ts';
import { counted } from '../words/counts.ts';
import styles from './unused-rights.module.css';

export function UnusedRights({ rights }: { rights: Insights['unusedRights'] }) {
  if (rights.length === 0) return null;
  const tasks = [...new Set(rights.map((right) => right.task))];
  return (
    <section className="sp-section" aria-labelledby="unused">
      <h2 id="unused">Given, not used</h2>
      <div className={`sp-panel sp-pad ${styles.columns}`}>
        {tasks.map((task) => (
          <div key={task}>
            <h3>{task}</h3>
            <ul className={styles.list}>
              {rights
                .filter((right) => right.task === task)
                .map((right) => (
                  <li key={right.right}>
                    <span className="sp-wrap">{right.right}</span>
                    <span className="sp-soft sp-small">in {counted(right.grants, 'grant')}</span>
                  </li>
                ))}
            </ul>
          </div>
        ))}
      </div>
    </section>
  );
}
