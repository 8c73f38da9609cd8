// How one signs in: this session, one's passkeys, one's account at the identity provider.

import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { MySignIn, SignInOptions } from '../../src/api/sign-in.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { knowsPasskeys } from '../api/passkeys.ts';
import { linkProvider, mySignInQuery, signInOptionsQuery } from '../api/sign-in.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { PasskeyAddress, passkeyPlace } from '../parts/passkey-address.tsx';
import { PasskeyList } from '../parts/passkey-list.tsx';

const HOW: Record<NonNullable<MySignIn['how']>, string> = {
  token: 'with an access token',
  demo: 'with one click, as one of the demo’s people',
  oidc: 'at the identity provider',
  passkey: 'with a passkey',
  link: 'with a registration link',
};

export function MySignInPage() {
  const mine = useQuery(mySignInQuery);
  const options = useQuery(signInOptionsQuery);
  return (
    <Page title="My sign-in" lead="How you come in, and what shows that it is you.">
      <Loaded query={mine} rows={2} rowHeight={120}>
        {(found) => (
          <>
            <section className="sp-section" aria-labelledby="session">
              <h2 id="session">This session</h2>
              <p>
                You signed in {found.how === null ? 'some other way' : HOW[found.how]}.{' '}
                {found.passkeyAgeSeconds === null
                  ? 'No passkey was used in it yet.'
                  : `A passkey was used ${describeDuration(Math.max(1, found.passkeyAgeSeconds))} ago.`}
              </p>
            </section>
            <Loaded query={options} rows={1}>
              {(ways) => <Passkeys mine={found} options={ways} />}
            </Loaded>
            {found.provider === null ? null : <Provider provider={found.provider} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Passkeys({ mine, options }: { mine: MySignIn; options: SignInOptions }) {
  const place = passkeyPlace(options);
  return (
    <section className="sp-section" aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      {place === null ? null : <PasskeyAddress place={place} path="/my-sign-in" />}
      {options.passkeys ? null : (
        <p className="sp-soft">
          Passkeys belong to a name, and this installation is reached by a number: see docs/sign-in.md.
        </p>
      )}
      <PasskeyList mine={mine} mayAdd={place === null && options.passkeys && knowsPasskeys()} />
    </section>
  );
}

function Provider({ provider }: { provider: NonNullable<MySignIn['provider']> }) {
  const linking = useMutation({ mutationFn: linkProvider });
  return (
    <section className="sp-section" aria-labelledby="provider">
      <h2 id="provider">{provider.name}</h2>
      <div className="sp-panel sp-pad sp-stack">
        {provider.linked ? (
          <p>Your account there is linked: you can sign in with it.</p>
        ) : (
          <>
            <p className="sp-soft">
              Your account there is not linked yet. Linking leads there and back; the account that you sign in
              with there is you here from then on.
            </p>
            <div>
              <Button
                variant="default"
                loading={linking.isPending || linking.isSuccess}
                onClick={() => linking.mutate()}
              >
                Link my account
              </Button>
            </div>
          </>
        )}
        {linking.error === null ? null : <FailureNote error={linking.error} />}
      </div>
    </section>
  );
}
