// The narrow screen's head: the mark, and the colours.

import { Link } from '@tanstack/react-router';
import { Mark } from './mark.tsx';
import { ThemeToggle } from './theme-toggle.tsx';
import styles from './top-bar.module.css';
import { Bell } from './unread-count.tsx';

export function TopBar() {
  return (
    <header className={styles.bar}>
      <Link to="/" className={styles.brand} aria-label="Sallyport">
        <Mark size={24} />
        <span>Sallyport</span>
      </Link>
      <div className="sp-row">
        <Bell />
        <ThemeToggle />
      </div>
    </header>
  );
}
