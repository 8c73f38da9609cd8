// Nothing here yet, and what to do about it.

import type { ReactNode } from 'react';
import styles from './empty.module.css';

interface Props {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ title, children, action }: Props) {
  return (
    <div className={styles.empty}>
      <svg width="46" height="46" viewBox="0 0 46 46" aria-hidden="true" focusable="false">
        <path d="M7 41V21a16 16 0 0 1 32 0v20" fill="none" stroke="var(--sp-line-strong)" strokeWidth="2" />
        <path
          d="M12 41V21a11 11 0 0 1 11-11v31zM34 41V21a11 11 0 0 0-11-11v31z"
          fill="var(--sp-sunk)"
          stroke="var(--sp-line-strong)"
          strokeWidth="1.5"
        />
        <path d="M20 25v4M26 25v4" stroke="var(--sp-line-strong)" strokeWidth="1.5" strokeLinecap="round" />
      </svg>
      <div>
        <p className={styles.title}>{title}</p>
        {children === undefined ? null : <p className={styles.text}>{children}</p>}
        {action === undefined ? null : <div className={styles.action}>{action}</div>}
      </div>
    </div>
  );
}
