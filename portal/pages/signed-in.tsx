// Everything behind the sign-in: asks once who is signed in, leads to the sign-in page when nobody is, and draws the
// shell around the page.

import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isUnauthenticated, isUnreachable } from '../api/failure.ts';
import { meQuery } from '../api/people.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Mark } from '../parts/mark.tsx';
import { Shell } from '../parts/shell.tsx';
import styles from './signed-in.module.css';

const RETRY_MS = 2_500;

export function SignedIn() {
  const router = useRouter();
  const me = useQuery({
    ...meQuery,
    refetchInterval: (query) => (isUnreachable(query.state.error) ? RETRY_MS : false),
  });
  // Once, when it turns out that nobody is signed in: the address at that moment is where to come back to.
  const signedOut = isUnauthenticated(me.error);
  useEffect(() => {
    if (!signedOut) return;
    const next = router.state.location.href;
    void router.navigate({ to: '/sign-in', search: next === '/' ? {} : { next }, replace: true });
  }, [signedOut, router]);
  if (signedOut) return null;
  if (me.data !== undefined) return <Shell me={me.data} />;
  return (
    <main className={styles.waiting}>
      <Mark size={56} open={0.2} />
      {me.error === null ? (
        <p className="sp-soft">Opening…</p>
      ) : (
        <FailureNote error={me.error} onRetry={() => void me.refetch()} />
      )}
    </main>
  );
}
