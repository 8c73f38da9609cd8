// A target's administrator has another password, or is another one. The server tries it there first: what does not work
// is not stored.

import { Button, Modal, PasswordInput, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { changeCredentialBody } from '../../src/api/targets.ts';
import { ApiFailure, sentenceOf } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { changeCredential } from '../api/targets.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { problemsOf } from '../words/problems.ts';

/** What the server says of one of the form's fields is said there. */
function fieldProblem(error: Error): Record<string, string> {
  const field = error instanceof ApiFailure ? error.field?.replace(/^admin\./, '') : undefined;
  return field === 'user' || field === 'password' ? { [field]: sentenceOf(error) } : {};
}

export function ChangeCredentialForm({ target, onClose }: { target: string; onClose: () => void }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [problems, setProblems] = useState<Record<string, string>>({});
  const changing = useMutation({
    mutationFn: (body: { user?: string; password: string }) => changeCredential(target, body),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['targets'] });
      onClose();
    },
    onError: (error) => setProblems(fieldProblem(error)),
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const name = user.trim();
    const body = changeCredentialBody.safeParse({ ...(name === '' ? {} : { user: name }), password });
    setProblems(body.success ? {} : problemsOf(body.error));
    if (body.success) changing.mutate({ password, ...(name === '' ? {} : { user: name }) });
  };
  return (
    <Modal opened onClose={onClose} title={<h2>The administrator’s login on {target}</h2>}>
      <form onSubmit={send} className="sp-stack" noValidate autoComplete="off">
        <p>
          It is tried on every node before it is kept, and sealed. Grants that wait for the target go on with
          it; open sessions do not notice.
        </p>
        <TextInput
          label="User"
          description="Left empty: the same as before."
          value={user}
          onChange={(event) => setUser(event.currentTarget.value)}
          error={problems.user ?? null}
        />
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={problems.password ?? null}
          data-autofocus
        />
        {changing.error === null || Object.keys(problems).length > 0 ? null : (
          <FailureNote error={changing.error} />
        )}
        <div className="sp-row">
          <Button type="submit" loading={changing.isPending}>
            Try it and keep it
          </Button>
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
        </div>
      </form>
    </Modal>
  );
}
