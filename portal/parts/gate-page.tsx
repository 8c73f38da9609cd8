// The frame of what stands before the portal: the wall with its gate at the left, one thing to do at the right.

import { type ReactNode, useEffect } from 'react';
import styles from './gate-page.module.css';
import { GateScene } from './gate-scene.tsx';
import { Mark } from './mark.tsx';
import { ThemeToggle } from './theme-toggle.tsx';
import { UnreachableBanner } from './unreachable-banner.tsx';

export function GatePage({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Sallyport`;
  }, [title]);
  return (
    <div className={styles.page}>
      <div className={styles.wall}>
        <div className={styles.brand}>
          <Mark size={34} />
          <span>Sallyport</span>
        </div>
        <GateScene />
        <p className={styles.saying}>Opened for one errand, and shut behind it.</p>
      </div>
      <div className={styles.side}>
        <UnreachableBanner />
        <div className={styles.tools}>
          <ThemeToggle />
        </div>
        <main className={styles.main}>
          <h1 className={styles.title}>{title}</h1>
          {children}
        </main>
      </div>
    </div>
  );
}
