// Sign in with a passkey: without a name, since the authenticator knows whose it is.

import { Button } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import type { Me } from '../../src/api/people.ts';
import type { SignInOptions } from '../../src/api/sign-in.ts';
import { knowsPasskeys, signInWithPasskey } from '../api/passkeys.ts';
import { FailureNote } from './failure-note.tsx';
import { PasskeyAddress, passkeyPlace } from './passkey-address.tsx';

interface Props {
  options: SignInOptions;
  onSignedIn: (me: Me) => void;
}

export function PasskeyButton({ options, onSignedIn }: Props) {
  const entering = useMutation({ mutationFn: signInWithPasskey, onSuccess: onSignedIn });
  const place = passkeyPlace(options);
  if (!options.passkeys) return null;
  if (place !== null || !knowsPasskeys())
    return place === null ? null : <PasskeyAddress place={place} path="/sign-in" />;
  return (
    <div className="sp-stack">
      <Button
        size="md"
        fullWidth
        variant="default"
        leftSection={<IconFingerprint size={19} aria-hidden="true" />}
        loading={entering.isPending}
        onClick={() => entering.mutate()}
      >
        Sign in with a passkey
      </Button>
      {entering.error === null ? null : <FailureNote error={entering.error} />}
    </div>
  );
}
