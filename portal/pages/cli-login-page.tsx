// The command line on this machine asks to be let in: who, for what machine, one button. Whoever did not begin it has
// nothing to confirm.

import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { cliLogin } from '../../src/api/sign-in.ts';
import { confirmCliLogin } from '../api/cli-logins.ts';
import { FailureNote, Trouble } from '../parts/failure-note.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';

export function CliLoginPage() {
  const asked = cliLogin.safeParse(useSearch({ from: '/in/login/cli' }));
  const me = useMe();
  const confirming = useMutation({ mutationFn: confirmCliLogin });
  return (
    <Page title="Log in the command line">
      {asked.success ? (
        <div className="sp-panel sp-pad sp-stack">
          <p>
            <code className="sp-mono">sally</code> on <strong>{asked.data.machine}</strong> asks to act as{' '}
            <strong>{me.displayName}</strong> for seven days.
          </p>
          <p className="sp-soft">
            Confirm only if you have just run <code className="sp-mono">sally login</code> on this machine.
          </p>
          {confirming.error === null ? null : <FailureNote error={confirming.error} />}
          <div>
            <Button
              loading={confirming.isPending || confirming.isSuccess}
              onClick={() => confirming.mutate(asked.data)}
            >
              Log it in
            </Button>
          </div>
        </div>
      ) : (
        <Trouble>
          <p>This link is not whole. Run sally login again.</p>
        </Trouble>
      )}
    </Page>
  );
}
