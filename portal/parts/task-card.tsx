// A task: what it is for and what it may do, in words, with the way to ask for it.

import type { Task } from '../../src/api/targets.ts';
import { ButtonLink } from './button-link.tsx';
import { RightsList } from './rights-list.tsx';
import styles from './task-card.module.css';

export function TaskCard({ task, target }: { task: Task; target?: string }) {
  return (
    <article className={`sp-panel sp-pad ${styles.card}`} aria-label={task.name}>
      <div>
        <h3 className={styles.name}>{task.name}</h3>
        <p className="sp-soft">{task.description}</p>
        <p className="sp-soft sp-small">
          {task.kind}
          {task.segment === null ? ', in every segment' : `, in ${task.segment}`}
        </p>
      </div>
      <RightsList rights={task.rights} />
      <ButtonLink
        to="/request"
        search={{ task: task.name, ...(target === undefined ? {} : { target }) }}
        variant="default"
        size="sm"
        className={styles.ask ?? ''}
        aria-label={`Request ${task.name}`}
      >
        Request
      </ButtonLink>
    </article>
  );
}
