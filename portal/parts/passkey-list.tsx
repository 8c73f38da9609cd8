// One's passkeys: which there are, when they were used, one more, one less.

import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { MySignIn } from '../../src/api/sign-in.ts';
import { addPasskey, removePasskey } from '../api/passkeys.ts';
import { mySignInQuery } from '../api/sign-in.ts';
import { FailureNote } from './failure-note.tsx';
import styles from './passkey-list.module.css';
import { When } from './when.tsx';

export function PasskeyList({ mine, mayAdd }: { mine: MySignIn; mayAdd: boolean }) {
  const queries = useQueryClient();
  const keep = (now: MySignIn) => queries.setQueryData(mySignInQuery.queryKey, now);
  const removing = useMutation({ mutationFn: removePasskey, onSuccess: keep });
  return (
    <div className="sp-panel sp-pad sp-stack">
      {mine.passkeys.length === 0 ? (
        <p className="sp-soft">
          None yet. With one you sign in by finger, face or PIN, and can do what policy keeps behind a
          passkey.
        </p>
      ) : (
        <ul className={styles.list}>
          {mine.passkeys.map((one) => (
            <li key={one.id} className={styles.item}>
              <div>
                <span className={styles.name}>{one.name}</span>
                <p className="sp-soft sp-small">
                  {one.synced ? 'Synced between devices' : 'On one device'} · added{' '}
                  <When at={one.createdAt} />
                  {one.lastUsedAt === null ? (
                    ' · never used'
                  ) : (
                    <>
                      {' · used '}
                      <When at={one.lastUsedAt} />
                    </>
                  )}
                </p>
              </div>
              <Button
                size="sm"
                variant="default"
                aria-label={`Remove ${one.name}`}
                loading={removing.isPending && removing.variables === one.id}
                onClick={() => removing.mutate(one.id)}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
      {removing.error === null ? null : <FailureNote error={removing.error} />}
      {mayAdd ? <AddPasskey full={mine.passkeys.length >= mine.mostPasskeys} onAdded={keep} /> : null}
    </div>
  );
}

function AddPasskey({ full, onAdded }: { full: boolean; onAdded: (now: MySignIn) => void }) {
  const [name, setName] = useState('');
  const adding = useMutation({
    mutationFn: () => addPasskey(name.trim()),
    onSuccess: (now) => {
      setName('');
      onAdded(now);
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== '') adding.mutate();
  };
  if (full) return <p className="sp-soft">These are as many as one may have.</p>;
  return (
    <form onSubmit={send} className="sp-stack">
      <div className={styles.form}>
        <TextInput
          label="Name of the new passkey"
          placeholder="Laptop, phone, key on my ring"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={60}
        />
        <Button type="submit" loading={adding.isPending} disabled={name.trim() === ''}>
          Register a passkey
        </Button>
      </div>
      {adding.error === null ? null : <FailureNote error={adding.error} />}
    </form>
  );
}
