// The statements that wait for the reader's yes, a line each; nothing where there are none.

import { Link } from '@tanstack/react-router';
import type { StatementCard } from '../../src/api/statements.ts';
import styles from './waiting-statements.module.css';
import { When } from './when.tsx';

export function WaitingStatements({ cards }: { cards: StatementCard[] }) {
  if (cards.length === 0) return null;
  return (
    <section className={`sp-section ${styles.first}`} aria-labelledby="statements">
      <h2 id="statements">Statements that wait</h2>
      <ul className="sp-list sp-panel">
        {cards.map((card) => (
          <li key={card.id} className={styles.line}>
            <Link to="/statements/$id" params={{ id: card.id }} className="sp-link">
              {card.principal.name} · one statement on {card.target}
            </Link>
            <code className={styles.text}>{card.text}</code>
            <span className="sp-soft sp-small">
              until <When at={card.expiresAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
