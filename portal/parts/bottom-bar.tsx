// The same places on narrow screens: four under the thumb, the rest behind More.

import { Menu } from '@mantine/core';
import { IconDots, IconFingerprint, IconKeyboard, IconLogout } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import type { Me } from '../../src/api/people.ts';
import styles from './bottom-bar.module.css';
import { PLACES } from './places.tsx';
import { WaitingCount } from './waiting-count.tsx';

const UNDER_THE_THUMB = 4;

interface Props {
  me: Me;
  onHelp: () => void;
  onSignOut: () => void;
}

export function BottomBar({ me, onHelp, onSignOut }: Props) {
  const navigate = useNavigate();
  const places = PLACES.filter((place) => place.shown(me));
  return (
    <nav aria-label="Pages" className={styles.bar}>
      {places.slice(0, UNDER_THE_THUMB).map(({ to, label, Icon }) => (
        <Link
          key={to}
          to={to}
          className={styles.item}
          activeOptions={{ exact: to === '/' }}
          activeProps={{ 'data-active': true }}
        >
          <Icon size={21} stroke={1.6} aria-hidden="true" />
          {label}
          {to === '/approvals' ? <WaitingCount className={styles.count} /> : null}
        </Link>
      ))}
      <Menu position="top-end" width={220}>
        <Menu.Target>
          <button type="button" className={styles.item}>
            <IconDots size={21} stroke={1.6} aria-hidden="true" />
            More
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {places.slice(UNDER_THE_THUMB).map(({ to, label, Icon }) => (
            <Menu.Item
              key={to}
              leftSection={<Icon size={18} stroke={1.6} />}
              onClick={() => void navigate({ to })}
            >
              {label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Label>{me.displayName}</Menu.Label>
          <Menu.Item
            leftSection={<IconFingerprint size={18} />}
            onClick={() => void navigate({ to: '/my-sign-in' })}
          >
            My sign-in
          </Menu.Item>
          <Menu.Item leftSection={<IconKeyboard size={18} />} onClick={onHelp}>
            Keyboard shortcuts
          </Menu.Item>
          <Menu.Item leftSection={<IconLogout size={18} />} onClick={onSignOut}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </nav>
  );
}
