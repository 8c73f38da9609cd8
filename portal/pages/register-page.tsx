// What a registration link opens: one passkey, and one is signed in. The link's code stands behind #, which browsers
// send to no server; it is taken out of the address at once, so that it is not left in the history.

import { Button, TextInput } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import type { OpenedLink } from '../../src/api/sign-in.ts';
import { openLink, registerByLink } from '../api/passkeys.ts';
import { meQuery } from '../api/people.ts';
import { FailureNote, Trouble } from '../parts/failure-note.tsx';
import { GatePage } from '../parts/gate-page.tsx';
import { Loaded } from '../parts/loaded.tsx';

const CODE = /^#([A-Za-z0-9_-]{43})$/;

export function RegisterPage() {
  const [code] = useState(() => CODE.exec(window.location.hash)?.[1] ?? null);
  useEffect(() => window.history.replaceState(window.history.state, '', window.location.pathname), []);
  return (
    <GatePage title="Register a passkey">
      {code === null ? (
        <Trouble>
          <p>This link is not whole. Open it exactly as you were given it.</p>
        </Trouble>
      ) : (
        <ByLink code={code} />
      )}
    </GatePage>
  );
}

function ByLink({ code }: { code: string }) {
  const link = useQuery({
    queryKey: ['registration-link'],
    queryFn: ({ signal }) => openLink(code, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  });
  return (
    <Loaded query={link} rows={1} rowHeight={140}>
      {(opened) => <NewPasskey code={code} opened={opened} onAgain={() => void link.refetch()} />}
    </Loaded>
  );
}

interface Props {
  code: string;
  opened: OpenedLink;
  onAgain: () => void;
}

function NewPasskey({ code, opened, onAgain }: Props) {
  const router = useRouter();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const registering = useMutation({
    mutationFn: () => registerByLink(code, name.trim(), opened.options),
    onSuccess: (me) => {
      queries.clear();
      queries.setQueryData(meQuery.queryKey, me);
      router.history.replace('/');
    },
    // A question is answered once: another try needs another one.
    onError: onAgain,
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== '') registering.mutate();
  };
  return (
    <form onSubmit={send} className="sp-stack">
      <p>
        For <strong>{opened.displayName}</strong>, who signs in as{' '}
        <span className="sp-mono">{opened.name}</span>. If that is not you, close this page. From then on this
        passkey opens Sallyport: by finger, face or PIN.
      </p>
      <TextInput
        label="Name of the passkey"
        placeholder="Laptop, phone, key on my ring"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={60}
      />
      {registering.error === null ? null : <FailureNote error={registering.error} />}
      <Button
        type="submit"
        size="md"
        leftSection={<IconFingerprint size={19} aria-hidden="true" />}
        loading={registering.isPending}
        disabled={name.trim() === ''}
      >
        Register and sign in
      </Button>
    </form>
  );
}
