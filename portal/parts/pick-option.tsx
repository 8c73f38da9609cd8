// One line of a list to choose from: a name, and under it what tells it from its neighbours.

import styles from './pick-option.module.css';

export function PickOption({ name, note }: { name: string; note: string }) {
  return (
    <span className={styles.option}>
      <span>{name}</span>
      <span className={styles.note}>{note}</span>
    </span>
  );
}
