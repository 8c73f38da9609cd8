// The server wants a passkey before it goes on: why, one button, and the way out for who has none.

import { Button, Modal } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { stepUp } from '../api/passkeys.ts';
import { meQuery } from '../api/people.ts';
import { mySignInQuery, signInOptionsQuery } from '../api/sign-in.ts';
import { dialogIsThere, type StepUpQuestion, useStepUpQuestion } from '../api/step-up.ts';
import { ButtonLink } from './button-link.tsx';
import { FailureNote } from './failure-note.tsx';
import { Loaded } from './loaded.tsx';
import { PasskeyAddress, passkeyPlace } from './passkey-address.tsx';

export function StepUpDialog() {
  useEffect(dialogIsThere, []);
  const question = useStepUpQuestion();
  return question === null ? null : <Asking question={question} />;
}

function Asking({ question }: { question: StepUpQuestion }) {
  const queries = useQueryClient();
  const mine = useQuery({ ...mySignInQuery, staleTime: 0 });
  const options = useQuery(signInOptionsQuery);
  const using = useMutation({
    mutationFn: stepUp,
    onSuccess: (me) => {
      queries.setQueryData(meQuery.queryKey, me);
      void queries.invalidateQueries({ queryKey: mySignInQuery.queryKey });
      question.settle(true);
    },
  });
  const close = () => question.settle(false);
  const place = options.data === undefined ? null : passkeyPlace(options.data);
  return (
    <Modal opened onClose={close} title={<h2>Use your passkey</h2>}>
      <div className="sp-stack">
        <p>{question.why}</p>
        <Loaded query={mine} rows={1} rowHeight={36}>
          {({ passkeys }) =>
            passkeys.length === 0 || place !== null ? (
              <>
                {place === null ? (
                  <p className="sp-soft">You have none yet.</p>
                ) : (
                  <PasskeyAddress place={place} path={window.location.pathname} />
                )}
                <div className="sp-row">
                  {place === null ? (
                    <ButtonLink to="/my-sign-in" onClick={close}>
                      Register a passkey
                    </ButtonLink>
                  ) : null}
                  <Button variant="default" onClick={close}>
                    Not now
                  </Button>
                </div>
              </>
            ) : (
              <>
                {using.error === null ? null : <FailureNote error={using.error} />}
                <div className="sp-row">
                  <Button
                    data-autofocus
                    leftSection={<IconFingerprint size={18} aria-hidden="true" />}
                    loading={using.isPending}
                    onClick={() => using.mutate()}
                  >
                    Use my passkey
                  </Button>
                  <Button variant="default" onClick={close}>
                    Not now
                  </Button>
                </div>
              </>
            )
          }
        </Loaded>
      </div>
    </Modal>
  );
}
