// Sign in: at the provider, as one of the demo's people, with a token. The whole page is the gate.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { Me } from '../../src/api/people.ts';
import { probeWhileUnreachable } from '../api/live.ts';
import { demoPeopleQuery, meQuery } from '../api/people.ts';
import { signInOptionsQuery } from '../api/sign-in.ts';
import { SignInForm } from '../forms/sign-in-form.tsx';
import { DemoPeople } from '../parts/demo-people.tsx';
import { Trouble } from '../parts/failure-note.tsx';
import { GateScene } from '../parts/gate-scene.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Mark } from '../parts/mark.tsx';
import { ProviderButton } from '../parts/provider-button.tsx';
import { ThemeToggle } from '../parts/theme-toggle.tsx';
import { UnreachableBanner } from '../parts/unreachable-banner.tsx';
import { signInFailure } from '../words/sign-in-failures.ts';
import styles from './sign-in-page.module.css';

export function SignInPage() {
  const router = useRouter();
  const queries = useQueryClient();
  const { next, failed } = useSearch({ from: '/sign-in' });
  const people = useQuery(demoPeopleQuery);
  const options = useQuery(signInOptionsQuery);
  useEffect(() => {
    document.title = 'Sign in · Sallyport';
    return probeWhileUnreachable(queries);
  }, [queries]);

  function onSignedIn(me: Me): void {
    queries.clear();
    queries.setQueryData(meQuery.queryKey, me);
    router.history.replace(next ?? '/');
  }

  const otherWays = options.data !== undefined && options.data.oidc !== null;
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
          <h1 className={styles.title}>Sign in</h1>
          {failed === undefined ? null : (
            <Trouble>
              <p>{signInFailure(failed)}</p>
            </Trouble>
          )}
          <Loaded query={options} rows={1} rowHeight={44}>
            {(ways) => <ProviderButton options={ways} next={next} />}
          </Loaded>
          <Loaded query={people} rows={5} rowHeight={64}>
            {(found) =>
              found === null ? (
                <TokenWay folded={otherWays} onSignedIn={onSignedIn} />
              ) : (
                <>
                  <p className="sp-soft">
                    This is the demo. Be one of its people: ask for fix-orders as Erin, approve it as Amal,
                    read what happened as Ada.
                  </p>
                  <DemoPeople people={found} onSignedIn={onSignedIn} />
                  <TokenWay folded onSignedIn={onSignedIn} />
                </>
              )
            }
          </Loaded>
        </main>
      </div>
    </div>
  );
}

/** Folded away where there is a better one. */
function TokenWay({ folded, onSignedIn }: { folded: boolean; onSignedIn: (me: Me) => void }) {
  if (!folded) return <SignInForm onSignedIn={onSignedIn} focus />;
  return (
    <details className={styles.token}>
      <summary>Use a token instead</summary>
      <SignInForm onSignedIn={onSignedIn} focus={false} />
    </details>
  );
}
