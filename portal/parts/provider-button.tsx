// Sign in at the identity provider: the first way where there is one. While it is away the page says so in words, and
// the button stays, for whoever knows better.

import { Button } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import type { SignInOptions } from '../../src/api/sign-in.ts';
import { goToProvider } from '../api/sign-in.ts';
import { FailureNote } from './failure-note.tsx';

interface Props {
  options: SignInOptions;
  next: string | undefined;
}

export function ProviderButton({ options, next }: Props) {
  const leaving = useMutation({ mutationFn: () => goToProvider(next) });
  if (options.oidc === null) return null;
  const { name, reachable } = options.oidc;
  return (
    <div className="sp-stack">
      <Button
        size="md"
        fullWidth
        rightSection={<IconArrowRight size={18} aria-hidden="true" />}
        loading={leaving.isPending || leaving.isSuccess}
        onClick={() => leaving.mutate()}
      >
        Sign in with {name}
      </Button>
      {reachable || leaving.error !== null ? null : (
        <p className="sp-soft" role="status">
          {name} does not answer at the moment. Use another way below, or try again shortly.
        </p>
      )}
      {leaving.error === null ? null : <FailureNote error={leaving.error} />}
    </div>
  );
}
