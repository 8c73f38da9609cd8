// Longer, with a reason. Policy decides again; open sessions stay.

import { Button, Modal, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Grant } from '../../src/api/grants.ts';
import { extend } from '../api/grants.ts';
import { queries } from '../api/query-client.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { secondsOf } from '../words/durations.ts';

export function ExtendForm({ grant, onClose }: { grant: Grant; onClose: () => void }) {
  const [duration, setDuration] = useState('30m');
  const [reason, setReason] = useState('');
  const extending = useMutation({
    mutationFn: () => extend(grant.id, duration, reason.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['grants'] });
      await queries.invalidateQueries({ queryKey: ['requests'] });
      onClose();
    },
  });
  const ready = secondsOf(duration) !== null && reason.trim() !== '';
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (ready) extending.mutate();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        <h2>
          Extend {grant.task} on {grant.target}
        </h2>
      }
    >
      <form onSubmit={send} className="sp-stack">
        <DurationChips
          label="For how much longer"
          value={duration}
          onChange={setDuration}
          chips={['15m', '30m', '1h']}
        />
        <Textarea
          label="Why"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          autosize
          minRows={2}
          maxLength={2000}
          data-autofocus
        />
        {extending.error === null ? null : <FailureNote error={extending.error} />}
        <p className="sp-soft sp-small">Policy decides again. Sessions that are open stay open.</p>
        <div className="sp-row">
          <Button type="submit" loading={extending.isPending} disabled={!ready}>
            Extend by {duration || '…'}
          </Button>
          <Button variant="default" onClick={onClose}>
            Leave as it is
          </Button>
        </div>
      </form>
    </Modal>
  );
}
