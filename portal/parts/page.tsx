// The frame of a page: its title (also the document's), one sentence, and what can be done here.

import { type ReactNode, useEffect } from 'react';
import styles from './page.module.css';

interface Props {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  /** A link back to the list that this page belongs to. */
  above?: ReactNode;
  children: ReactNode;
}

export function Page({ title, lead, actions, above, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Sallyport`;
  }, [title]);
  return (
    <div className={styles.page}>
      {above === undefined ? null : <div className={styles.above}>{above}</div>}
      <header className={styles.head}>
        <div>
          <h1 className={styles.title}>{title}</h1>
          {lead === undefined ? null : <p className={styles.lead}>{lead}</p>}
        </div>
        {actions === undefined ? null : <div className="sp-row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
