// Sign in with a token.

import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import { signIn } from '../api/people.ts';
import { FailureNote } from '../parts/failure-note.tsx';

export function SignInForm({ onSignedIn, focus }: { onSignedIn: (me: Me) => void; focus: boolean }) {
  const [token, setToken] = useState('');
  const entering = useMutation({ mutationFn: () => signIn(token.trim()), onSuccess: onSignedIn });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim() !== '') entering.mutate();
  };
  return (
    <form onSubmit={send} className="sp-stack">
      <PasswordInput
        label="Token"
        description="The one that ./sally login uses, or that an administrator gave you."
        value={token}
        onChange={(event) => setToken(event.currentTarget.value)}
        autoComplete="current-password"
        maxLength={200}
        {...(focus ? { autoFocus: true } : {})}
      />
      {entering.error === null ? null : <FailureNote error={entering.error} />}
      <Button type="submit" loading={entering.isPending} disabled={token.trim() === ''}>
        Sign in with the token
      </Button>
    </form>
  );
}
