// The decision: approve, approve for less time, deny with a reason. It carries the digest of what was shown; when
// that is no longer what is asked, the card says what changed, and the decision is taken again.

import { Button, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Request, Submitted } from '../../src/api/requests.ts';
import { isConflict } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { approve, deny, requestQuery } from '../api/requests.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { WhyButton } from '../parts/why-button.tsx';
import { secondsOf, shorterChoices } from '../words/durations.ts';
import { mayDecide } from '../words/may.ts';
import { whatChanged } from '../words/what-changed.ts';
import styles from './approve-form.module.css';

export function ApproveForm({ request }: { request: Request }) {
  const choices = shorterChoices(request.durationSeconds, request.decision.obligations.maxDurationSeconds);
  const asked = choices[0] ?? '1h';
  const [duration, setDuration] = useState(asked);
  const [denying, setDenying] = useState(false);
  const [reason, setReason] = useState('');
  const [changes, setChanges] = useState<string[]>([]);
  const mayNot = mayDecide(request);

  async function onFailed(error: unknown): Promise<void> {
    if (!isConflict(error)) return;
    const fresh = await queries.fetchQuery({ ...requestQuery(request.id), staleTime: 0 });
    const changed = whatChanged(request, fresh.request);
    setChanges(changed);
    // Decided meanwhile: this form goes, so what happened is said where it stays to be read.
    if (fresh.request.state !== 'pending') {
      notifications.show({
        title: 'This has changed since you looked',
        message: changed.join(' '),
        color: 'lamp.5',
        autoClose: false,
      });
    }
  }
  const onDecided = (answer: Submitted) => {
    queries.setQueryData(requestQuery(request.id).queryKey, answer);
    void queries.invalidateQueries({ queryKey: ['requests'] });
  };
  const approving = useMutation({
    mutationFn: () =>
      approve(request.id, {
        digest: request.digest,
        ...(duration === asked && secondsOf(asked) === request.durationSeconds ? {} : { duration }),
      }),
    onSuccess: onDecided,
    onError: onFailed,
  });
  const refusing = useMutation({
    mutationFn: () => deny(request.id, reason.trim()),
    onSuccess: onDecided,
    onError: onFailed,
  });
  const failed = approving.error ?? refusing.error;
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (reason.trim() !== '') refusing.mutate();
  };
  const seconds = secondsOf(duration);
  const tooLong = seconds === null || seconds > request.durationSeconds;

  return (
    <div className={styles.decide}>
      {changes.length === 0 ? null : (
        <div className={styles.changed} role="alert">
          <strong>This has changed since you looked.</strong>
          {changes.map((line) => (
            <p key={line}>{line}</p>
          ))}
          <p>The card now shows how it stands; decide on that.</p>
        </div>
      )}
      {failed === null || changes.length > 0 ? null : <FailureNote error={failed} />}
      {denying ? (
        <form onSubmit={send} className="sp-stack">
          <Textarea
            label="Reason for denying"
            description="The requester reads it."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            autosize
            minRows={2}
            maxLength={2000}
            autoFocus
          />
          <div className="sp-row">
            <Button type="submit" color="ember" loading={refusing.isPending} disabled={reason.trim() === ''}>
              Deny
            </Button>
            <Button variant="default" onClick={() => setDenying(false)}>
              Back
            </Button>
          </div>
        </form>
      ) : (
        <div className={styles.act}>
          {mayNot === null ? (
            <DurationChips
              label="For"
              value={duration}
              onChange={setDuration}
              chips={choices}
              error={tooLong ? 'Shorter than asked, never longer.' : null}
            />
          ) : (
            <p className={styles.why}>{mayNot}</p>
          )}
          <div className="sp-row">
            <WhyButton
              mayNot={mayNot ?? (tooLong ? 'Choose a time that is not longer than asked.' : null)}
              loading={approving.isPending}
              onClick={() => approving.mutate()}
            >
              {duration === asked ? 'Approve' : `Approve for ${duration}`}
            </WhyButton>
            <WhyButton variant="default" mayNot={mayNot} onClick={() => setDenying(true)}>
              Deny
            </WhyButton>
          </div>
        </div>
      )}
    </div>
  );
}
