// Sign in: at the provider, with a passkey, as one of the demo's people, with a token. The whole page is the gate.

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
import { GatePage } from '../parts/gate-page.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { PasskeyButton } from '../parts/passkey-button.tsx';
import { ProviderButton } from '../parts/provider-button.tsx';
import { signInFailure } from '../words/sign-in-failures.ts';
import styles from './sign-in-page.module.css';

export function SignInPage() {
  const router = useRouter();
  const queries = useQueryClient();
  const { next, failed } = useSearch({ from: '/sign-in' });
  const people = useQuery(demoPeopleQuery);
  const options = useQuery(signInOptionsQuery);
  useEffect(() => probeWhileUnreachable(queries), [queries]);

  function onSignedIn(me: Me): void {
    queries.clear();
    queries.setQueryData(meQuery.queryKey, me);
    router.history.replace(next ?? '/');
  }

  const otherWays = options.data !== undefined && options.data.oidc !== null;
  return (
    <GatePage title="Sign in">
      {failed === undefined ? null : (
        <Trouble>
          <p>{signInFailure(failed)}</p>
        </Trouble>
      )}
      <Loaded query={options} rows={1} rowHeight={44}>
        {(ways) => (
          <div className={styles.ways}>
            <ProviderButton options={ways} next={next} />
            <PasskeyButton options={ways} onSignedIn={onSignedIn} />
          </div>
        )}
      </Loaded>
      <Loaded query={people} rows={5} rowHeight={64}>
        {(found) =>
          found === null ? (
            <TokenWay folded={otherWays} onSignedIn={onSignedIn} />
          ) : (
            <>
              <p className="sp-soft">
                This is the demo. Be one of its people: ask for fix-orders as Erin, approve it as Amal, read
                what happened as Ada.
              </p>
              <DemoPeople people={found} onSignedIn={onSignedIn} />
              <TokenWay folded onSignedIn={onSignedIn} />
            </>
          )
        }
      </Loaded>
    </GatePage>
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
