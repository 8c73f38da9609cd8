// A dialog that asks for a reason before it ends something: a grant of somebody, a session.

import { Button, Modal, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { FailureNote } from '../parts/failure-note.tsx';

interface Props {
  title: string;
  /** What happens, in a sentence. */
  children: ReactNode;
  /** The button that does it. */
  act: string;
  onAct: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

export function ReasonForm({ title, children, act, onAct, onClose }: Props) {
  const [reason, setReason] = useState('');
  const acting = useMutation({ mutationFn: () => onAct(reason.trim()), onSuccess: onClose });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (reason.trim() !== '') acting.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={<h2>{title}</h2>}>
      <form onSubmit={send} className="sp-stack">
        <p>{children}</p>
        <Textarea
          label="Reason"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          autosize
          minRows={2}
          maxLength={2000}
          data-autofocus
        />
        {acting.error === null ? null : <FailureNote error={acting.error} />}
        <div className="sp-row">
          <Button type="submit" color="ember" loading={acting.isPending} disabled={reason.trim() === ''}>
            {act}
          </Button>
          <Button variant="default" onClick={onClose}>
            Keep it
          </Button>
        </div>
      </form>
    </Modal>
  );
}
