// Rights in words, one a line, as a task or a receipt tells them.

import styles from './rights-list.module.css';

interface Props {
  rights: string[];
  /** `may` (default) what is given, `unused` what was given and not needed. */
  as?: 'may' | 'unused';
}

export function RightsList({ rights, as = 'may' }: Props) {
  if (rights.length === 0) return <p className="sp-soft">None.</p>;
  return (
    <ul className={styles.list} data-as={as}>
      {rights.map((right) => (
        <li key={right} className="sp-wrap">
          {right}
        </li>
      ))}
    </ul>
  );
}
