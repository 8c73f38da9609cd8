// Something failed: the server's own words, the next step, and a way to try again.

import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { ApiFailure, sentenceOf, wantsPasskey } from '../api/failure.ts';
import { askForPasskey } from '../api/step-up.ts';
import styles from './failure-note.module.css';

interface Props {
  error: unknown;
  onRetry?: () => void;
}

export function FailureNote({ error, onRetry }: Props) {
  const failure = error instanceof ApiFailure ? error : null;
  return (
    <Trouble {...(onRetry === undefined ? {} : { onRetry })}>
      <p>{failure?.message ?? sentenceOf(error)}</p>
      {wantsPasskey(error) && onRetry !== undefined ? (
        <UsePasskey why={error.message} onUsed={onRetry} />
      ) : null}
      {failure?.hint === undefined || wantsPasskey(error) ? null : (
        <p className="sp-soft sp-small">{failure.hint}</p>
      )}
    </Trouble>
  );
}

function UsePasskey({ why, onUsed }: { why: string; onUsed: () => void }) {
  return (
    <Button size="xs" mt={6} onClick={() => void askForPasskey(why).then((used) => used && onUsed())}>
      Use my passkey
    </Button>
  );
}

/** The same frame for what is wrong without a call having failed. */
export function Trouble({ children, onRetry }: { children: React.ReactNode; onRetry?: () => void }) {
  return (
    <div className={styles.note} role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div className="sp-wrap">{children}</div>
      {onRetry === undefined ? null : (
        <Button size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
