// What stands around every page once somebody is signed in: the way to go elsewhere, the banners, the live stream.

import { useMediaQuery } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import { keepLive } from '../api/live.ts';
import { signOut } from '../api/people.ts';
import { mySignInQuery } from '../api/sign-in.ts';
import { BottomBar } from './bottom-bar.tsx';
import { BrokenGlassBanner } from './broken-glass-banner.tsx';
import { DeadlineWarnings } from './deadline-warnings.tsx';
import { KillBanner } from './kill-banner.tsx';
import { OverdueBanner } from './overdue-banner.tsx';
import { RecoveryBanner } from './recovery-banner.tsx';
import styles from './shell.module.css';
import { Shortcuts } from './shortcuts.tsx';
import { SideBar } from './side-bar.tsx';
import { StepUpDialog } from './step-up-dialog.tsx';
import { TopBar } from './top-bar.tsx';
import { UnreachableBanner } from './unreachable-banner.tsx';

export function Shell({ me }: { me: Me }) {
  const narrow = useMediaQuery('(max-width: 900px)', window.innerWidth <= 900, {
    getInitialValueInEffect: false,
  });
  const [help, setHelp] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  useEffect(() => keepLive(queries), [queries]);

  // Who goes to another page by keyboard goes on there, not in the menu that they left.
  const path = useLocation({ select: (location) => location.pathname });
  const main = useRef<HTMLElement>(null);
  const arrivedAt = useRef(path);
  useEffect(() => {
    if (arrivedAt.current !== path) main.current?.focus({ preventScroll: true });
    arrivedAt.current = path;
  }, [path]);

  async function leave(): Promise<void> {
    // Asked before, since afterwards nobody is there to ask.
    const mine = await queries.fetchQuery({ ...mySignInQuery, retry: false }).catch(() => null);
    await signOut().catch(() => undefined);
    if (mine?.providerSignOut != null) {
      window.location.assign(mine.providerSignOut);
      return;
    }
    // What is still on the page would ask again for whatever is forgotten, and nobody is signed in any more.
    await navigate({ to: '/sign-in' });
    queries.clear();
  }

  const bar = { me, onHelp: () => setHelp(true), onSignOut: () => void leave() };
  return (
    <div className={styles.shell}>
      <a href="#main" className={styles.skip}>
        Skip to the page
      </a>
      {narrow ? <TopBar /> : <SideBar {...bar} />}
      <div className={styles.column}>
        <UnreachableBanner />
        <RecoveryBanner />
        <BrokenGlassBanner />
        <KillBanner />
        <OverdueBanner />
        <main id="main" ref={main} tabIndex={-1} className={styles.main}>
          <Outlet />
        </main>
      </div>
      {narrow ? <BottomBar {...bar} /> : null}
      <Shortcuts open={help} setOpen={setHelp} />
      <DeadlineWarnings me={me} />
      <StepUpDialog />
    </div>
  );
}
