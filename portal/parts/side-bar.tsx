// The wall at the left of wide screens: where one can go, and who one is.

import { ActionIcon, Tooltip } from '@mantine/core';
import { IconKeyboard, IconLogout } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { Me } from '../../src/api/people.ts';
import { Mark } from './mark.tsx';
import { PLACES } from './places.tsx';
import styles from './side-bar.module.css';
import { ThemeToggle } from './theme-toggle.tsx';
import { ReviewsWaiting, UnreadCount } from './unread-count.tsx';
import { WaitingCount } from './waiting-count.tsx';

interface Props {
  me: Me;
  onHelp: () => void;
  onSignOut: () => void;
}

export function SideBar({ me, onHelp, onSignOut }: Props) {
  return (
    <aside className={styles.bar}>
      <Link to="/" className={styles.brand} aria-label="Sallyport">
        <Mark size={30} />
        <span>Sallyport</span>
      </Link>
      <nav aria-label="Pages" className={styles.nav}>
        {PLACES.filter((place) => place.shown(me)).map(({ to, label, Icon }) => (
          <Link
            key={to}
            to={to}
            className={styles.link}
            activeOptions={{ exact: to === '/' }}
            activeProps={{ 'data-active': true }}
          >
            <Icon size={18} stroke={1.6} aria-hidden="true" />
            {label}
            {to === '/approvals' ? <WaitingCount className={styles.count} /> : null}
            {to === '/notices' ? <UnreadCount className={styles.count} /> : null}
            {to === '/break-glass' ? <ReviewsWaiting className={styles.count} /> : null}
          </Link>
        ))}
      </nav>
      <div className={styles.foot}>
        <div className={styles.who}>
          <Link to="/my-sign-in" className={styles.name} title="My sign-in">
            {me.displayName}
          </Link>
          <span className={styles.groups}>{whoText(me)}</span>
        </div>
        <div className={styles.tools}>
          <ThemeToggle />
          <Tooltip label="Keyboard shortcuts (?)">
            <ActionIcon aria-label="Keyboard shortcuts" color="gray" onClick={onHelp}>
              <IconKeyboard size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Sign out">
            <ActionIcon aria-label="Sign out" color="gray" onClick={onSignOut}>
              <IconLogout size={18} />
            </ActionIcon>
          </Tooltip>
        </div>
        <p className={styles.version}>
          {me.demo ? 'Demo · ' : ''}
          {me.version}
        </p>
      </div>
    </aside>
  );
}

const RIGHTS = { administer: 'administrator', audit: 'auditor', changePolicy: 'signs policy' } as const;

export function whoText(me: Me): string {
  if (me.groups.length > 0) return me.groups.join(', ');
  const held = me.rights.map((right) => RIGHTS[right]);
  return held.length === 0 ? me.kind : held.join(', ');
}
