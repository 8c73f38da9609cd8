// A command line without a browser asks to be let in: its code, then which machine waits and from where, then yes or no.

import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { DeviceLogin } from '../../src/api/sign-in.ts';
import { decideOnCode, lookAtCode } from '../api/cli-logins.ts';
import { Facts } from '../parts/facts.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';
import { When } from '../parts/when.tsx';

export function DeviceLoginPage() {
  const [code, setCode] = useState('');
  const looking = useMutation({ mutationFn: () => lookAtCode(code.trim()) });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (code.trim() !== '') looking.mutate();
  };
  return (
    <Page title="Log in a machine" lead="The program that waits shows a code.">
      {looking.data === undefined ? (
        <form onSubmit={send} className="sp-panel sp-pad sp-stack">
          <TextInput
            label="Code"
            placeholder="WDJB-MJHT"
            value={code}
            onChange={(event) => setCode(event.currentTarget.value.toUpperCase())}
            maxLength={20}
            autoComplete="off"
            spellCheck={false}
            maw={260}
            autoFocus
          />
          {looking.error === null ? null : <FailureNote error={looking.error} />}
          <div>
            <Button type="submit" loading={looking.isPending} disabled={code.trim() === ''}>
              Show who waits
            </Button>
          </div>
        </form>
      ) : (
        <Waiting code={code.trim()} login={looking.data} />
      )}
    </Page>
  );
}

function Waiting({ code, login }: { code: string; login: DeviceLogin }) {
  const me = useMe();
  const deciding = useMutation({ mutationFn: (allow: boolean) => decideOnCode(code, allow) });
  if (deciding.isSuccess) {
    return (
      <p role="status">
        {deciding.variables ? `${login.machine} is logged in.` : `${login.machine} was refused.`} You can
        close this page.
      </p>
    );
  }
  return (
    <div className="sp-panel sp-pad sp-stack">
      <Facts
        facts={[
          { name: 'Machine', value: login.machine },
          { name: 'Asks from', value: login.address },
          { name: 'Since', value: <When at={login.askedAt} as="exact" /> },
        ]}
      />
      <p>
        It will act as <strong>{me.displayName}</strong> for seven days. Say yes only if it is you who waits
        there: a code that somebody sent you lets them in, not you.
      </p>
      {deciding.error === null ? null : <FailureNote error={deciding.error} />}
      <div className="sp-row">
        <Button
          loading={deciding.isPending && deciding.variables === true}
          onClick={() => deciding.mutate(true)}
        >
          Log it in
        </Button>
        <Button
          variant="default"
          loading={deciding.isPending && deciding.variables === false}
          onClick={() => deciding.mutate(false)}
        >
          Refuse it
        </Button>
      </div>
    </div>
  );
}
